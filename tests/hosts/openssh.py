#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""OpenSSH logs in with keys of p11dbus.so, by itself (ssh -I) and through its agent, which also signs
files. A server that is not OpenSSH's (asyncssh) checks the signatures of logins, ssh-keygen those of
files.

usage: openssh.py P11DBUS MODULE

Prints TAP, as applications.py does.
"""

import contextlib
import os
import re
import subprocess
import sys

from applications import Failure, main, need, run

PIN = "123456"
# A server that lets in the key of the line in the file argv[1] alone, and runs nothing. It prints its port.
SERVER = """
import asyncio, sys
import asyncssh

class Server(asyncssh.SSHServer):
    def public_key_auth_supported(self):
        return True
    def validate_public_key(self, username, key):
        return key == asyncssh.read_public_key(sys.argv[1])

def run(process):
    process.stdout.write("ran " + process.command + "\\n")
    process.exit(0)

async def serve():
    listener = await asyncssh.create_server(
        Server, "127.0.0.1", 0, process_factory=run,
        server_host_keys=[asyncssh.generate_private_key("ecdsa-sha2-nistp256")])
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.wait_closed()

asyncio.run(serve())
"""


def path(place, name):
    return os.path.join(place.directory, name)


def write(name, text, mode=0o600):
    with open(name, "w", encoding="ascii") as out:
        out.write(text)
    os.chmod(name, mode)


def asking(place, pin):
    """The environment in which a question for a passphrase or PIN gets that answer."""
    write(path(place, "askpass"), "#!/bin/sh\necho '%s'\n" % pin, 0o700)
    return {"SSH_ASKPASS": path(place, "askpass"), "SSH_ASKPASS_REQUIRE": "force"}


def public_line(place, module, name, env):
    """The key of that label as ssh-keygen shows it, alone in a file."""
    shown = run("ssh-keygen", "-D", module, env=env)
    found = [line for line in shown.splitlines() if line.endswith(" " + name)]
    need(len(found) == 1, "no key, or many", shown)
    write(path(place, name + ".line"), found[0] + "\n")
    return path(place, name + ".line")


def logs_in(place, line, *options, env):
    """Runs a command on a server that lets in that key alone."""
    with subprocess.Popen([sys.executable, "-c", SERVER, line], stdout=subprocess.PIPE) as server:
        try:
            port = server.stdout.readline().decode().strip()
            said = run("ssh", "-F", "none", "-p", port, "-o", "StrictHostKeyChecking=no", "-o",
                       "UserKnownHostsFile=/dev/null", "-o", "PreferredAuthentications=publickey",
                       *options, "me@127.0.0.1", "a command", env=env)
            need("ran a command" in said, "it did not run", said)
        finally:
            server.terminate()


def ssh_logs_in(place, module, name, pin):
    env = dict(asking(place, pin or "no PIN"), SSH_AUTH_SOCK="none")
    logs_in(place, public_line(place, module, name, env), "-o", "IdentityAgent=none", "-I", module,
            env=env)


@contextlib.contextmanager
def agent(place, module):
    """An agent, as the environment that leads to it. Its helper alone loads the module."""
    write(path(place, "helper"), '#!/bin/sh\nLD_PRELOAD=$HOST_PRELOAD exec %s "$@"\n' % next(
        filter(os.path.exists, ["/usr/lib/openssh/ssh-pkcs11-helper",
                                "/usr/libexec/openssh/ssh-pkcs11-helper"])), 0o700)
    socket = path(place, "agent")
    with subprocess.Popen(
            ["ssh-agent", "-D", "-a", socket, "-P", os.path.dirname(module) + "/*"],
            env=dict(os.environ, SSH_PKCS11_HELPER=path(place, "helper")), text=True,
            stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()  # it listens
            yield {"SSH_AUTH_SOCK": socket}
        finally:
            process.terminate()
            process.stdout.read()


def agent_uses(place, module, name, pin):
    """Logs in and signs a file by the agent, until the module is taken from it."""
    with agent(place, module) as env:
        env.update(asking(place, pin or "no PIN"))
        run("ssh-add", "-s", module, env=env, preload=False)
        line = public_line(place, module, name, env)
        with open(line, encoding="ascii") as out:
            key = out.read().split()[1]
        need(key in run("ssh-add", "-L", env=env, preload=False), "the agent has no such key")
        logs_in(place, line, env=env)
        signature = path(place, "small.sig")
        run("ssh-keygen", "-Y", "sign", "-f", line, "-n", "file", place.small, env=env, preload=False)
        write(path(place, "allowed"), "me " + open(line, encoding="ascii").read())
        with open(place.small, encoding="ascii") as text:
            run("ssh-keygen", "-Y", "verify", "-f", path(place, "allowed"), "-I", "me", "-n", "file",
                "-s", signature, typed=text.read(), preload=False)
        os.remove(signature)
        run("ssh-add", "-e", module, env=env, preload=False)
        need(key not in run("sh", "-c", "ssh-add -L || test $? = 1", env=env, preload=False),
             "the key is still there")


def makes_certificates(place, module, name, pin):
    """ssh-keygen certifies somebody's key with ours, and believes a signature by that certificate."""
    env = asking(place, pin or "no PIN")
    authority = public_line(place, module, name, env)
    user = path(place, "user")
    for file in filter(os.path.exists, (user, user + ".pub", user + "-cert.pub", place.small + ".sig")):
        os.remove(file)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", user, preload=False)
    run("ssh-keygen", "-q", "-D", module, "-s", authority, "-I", "somebody", "-n", "me", user + ".pub",
        env=env)
    run("ssh-keygen", "-Y", "sign", "-f", user + "-cert.pub", "-n", "file", place.small, preload=False)
    with open(authority, encoding="ascii") as line:
        write(path(place, "allowed"), "me cert-authority " + line.read())
    with open(place.small, encoding="ascii") as text:
        run("ssh-keygen", "-Y", "verify", "-f", path(place, "allowed"), "-I", "me", "-n", "file", "-s",
            place.small + ".sig", typed=text.read(), preload=False)
    os.remove(place.small + ".sig")


def agent_refuses(place, module):
    with agent(place, module) as env:
        env.update(asking(place, "1234567"))
        try:
            said = run("ssh-add", "-s", module, env=env, preload=False)
        except Failure as failure:
            need(re.search("agent refused|Could not add", str(failure)), "why?", str(failure))
            return
        raise Failure("taken with a wrong PIN\n" + said)


def uses_what_was_made(place, module):
    run("pkcs11-tool", "--module", module, "--keypairgen", "--key-type", "EC:prime256v1", "--label",
        "made", "--id", "4d41")
    ssh_logs_in(place, module, "made", None)
    agent_uses(place, module, "made", None)


def checks_of(keys, pin):
    with_pin = " and the PIN" if pin else ""

    def checks(place, module):
        for name in keys:
            yield "ssh logs in with %s%s" % (name, with_pin), (
                lambda n=name: ssh_logs_in(place, module, n, pin))
            yield "ssh-agent logs in and signs with %s%s" % (name, with_pin), (
                lambda n=name: agent_uses(place, module, n, pin))
            yield "ssh-keygen makes certificates with %s%s" % (name, with_pin), (
                lambda n=name: makes_certificates(place, module, n, pin))
        if pin:
            yield "ssh-agent does not take the module with another PIN", (
                lambda: agent_refuses(place, module))
    return checks


def checks_of_made(place, module):
    yield "ssh and its agent use a key that pkcs11-tool made", (
        lambda: uses_what_was_made(place, module))


if __name__ == "__main__":
    main([(["rsa", "p256"], checks_of(["rsa", "p256"], None)),
          (["locked:p384:" + PIN], checks_of(["locked"], PIN)),
          ([], checks_of_made, "--writable")], __file__, sys.argv[1:])
