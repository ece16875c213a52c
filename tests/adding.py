#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A mechanism and a method are added as CONTRIBUTING.md says, in a copy of the tree, and run.

usage: adding.py SOURCE
       adding.py --inside BUILD DIRECTORY

The mechanism is a row: a number that no table has, which signs with SHA-256 and RSA. The method is its
element in the XML and a row a side, with the function that it names: C_SeedRandom goes to the service. Both
are then asked for by pkcs11-tool, through the module and the service that were built.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MECHANISM = "0x80001234"
# File: the place, and what comes there, in front of the place.
ADDITIONS = {
    "lib/core/interface/org.p11dbus.xml": (
        '    <method name="GenerateRandom">',
        '    <method name="SeedRandom">\n'
        '      <annotation name="org.p11dbus.Right" value="see"/>\n'
        '      <arg name="data" type="ay" direction="in"/>\n'
        '    </method>\n'),
    "lib/service/keys/acts/keyacts.c": (
        "const P11dAct p11d_keyacts[] = {\n",
        "static CK_RV seed_random(P11dView *view, P11dActCall *call)\n{\n    (void)view;\n"
        "    RAND_add(call->arguments->bytes[0].data, (int)call->arguments->bytes[0].size, 0);\n"
        "    return CKR_OK;\n}\n\n"),
    "lib/module/calls/order.c": (
        "CK_RV p11d_order_random(",
        'static const P11dOrderRow seed_random = {"SeedRandom", P11D_CALL_TIMEOUT};\n\n'
        "CK_RV p11d_order_seed(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_BYTE *seed,\n"
        "                      CK_ULONG size)\n{\n"
        "    const P11dSession *session = p11d_session_find(instance, handle);\n"
        "    P11dOrder order = {.row = &seed_random, .arguments.bytes = {{seed, size}}};\n"
        "    return session ? p11d_order_give(session->token, &order) : CKR_SESSION_HANDLE_INVALID;\n"
        "}\n\n"),
    "lib/module/calls/order.h": (
        "#endif",
        "CK_RV p11d_order_seed(P11dInstance *instance, CK_SESSION_HANDLE session, CK_BYTE *seed,\n"
        "                      CK_ULONG size);\n\n"),
    "lib/module/calls/entry.c": (
        "CK_RV C_GenerateRandom(",
        "CK_RV C_SeedRandom(CK_SESSION_HANDLE session, CK_BYTE *seed, CK_ULONG size)\n{\n"
        "    P11dCall call;\n"
        "    return p11d_call_end(&call, p11d_call_begin(&call, __func__)\n"
        "                                    ?: p11d_order_seed(call.instance, session, seed, size));\n"
        "}\n\n"),
}
# By number: the last row.
MECHANISM_ROW = f'ROW({MECHANISM}UL, "adding-rsa", none, CKM_SHA256, CKM_RSA_PKCS, true, CKK_RSA)\n'
ACT_ROW = ("lib/service/keys/acts/keyacts.c", "const P11dAct p11d_keyacts[] = {\n",
       '    {"SeedRandom", seed_random},\n')
PROGRAMS = ["lib/module/p11dbus.so", "lib/service/p11dbus-supervisor", "lib/service/p11dbus-keys"]


def run(*command, **options):
    """Runs a program that must succeed; returns all that it says."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          encoding="utf-8", **options)
    if done.returncode != 0:
        sys.exit(f"exit {done.returncode} of {command}\n{done.stdout}")
    return done.stdout


def need(condition, *what):
    if not condition:
        sys.exit(" ".join(str(one) for one in what))


def change(tree, name, act):
    path = os.path.join(tree, name)
    with open(path, encoding="utf-8") as file:
        before = file.read()
    after = act(before)
    need(after != before, name, "has no such place")
    with open(path, "w", encoding="utf-8") as file:
        file.write(after)


def add(tree):
    for name, (place, text) in ADDITIONS.items():
        change(tree, name, lambda old: old.replace(place, text + place, 1))
    name, place, text = ACT_ROW
    change(tree, name, lambda old: old.replace(place, place + text, 1))
    change(tree, "lib/core/pkcs11/mechanism-rows.inc", lambda old: old + MECHANISM_ROW)
    change(tree, "lib/module/calls/refused.c",
           lambda old: re.sub(r"CK_RV C_SeedRandom\(.*?\n}\n", "", old, count=1, flags=re.S))


def build(tree):
    directory = os.path.join(tree, "build")
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("MESON")}
    run("meson", "setup", directory, tree, "-Dtests=false", "-Dman=disabled", "-Dwerror=true",
        env=environment)
    run("ninja", "-C", directory, *PROGRAMS, env=environment)
    return directory


class Service:
    """The supervisor that was built, ready, and its log."""

    def __init__(self, directory, keys, log):
        read_end, write_end = os.pipe()
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                [os.path.join(directory, "lib/service/p11dbus-supervisor"), "-v",
                 f"-r{write_end}", "-bsession", keys], pass_fds=[write_end], stderr=file)
        os.close(write_end)
        need(os.read(read_end, 1), "the service does not get ready")
        os.close(read_end)

    def end(self):
        self.process.terminate()
        need(self.process.wait() == 0, "the service ends with", self.process.returncode)


def inside(directory, scratch):
    module, keys = os.path.join(directory, PROGRAMS[0]), os.path.join(scratch, "keys")
    log, data, signature = (os.path.join(scratch, name) for name in ("log", "data", "signature"))
    service = Service(directory, keys, log)
    with open(data, "w", encoding="ascii") as file:
        file.write("signed by a mechanism that is new\n")
    tool = ("pkcs11-tool", "--module", module)
    run(*tool, "--sign", "-m", MECHANISM, "--label", "key", "-i", data, "-o", signature)
    run("openssl", "dgst", "-sha256", "-verify", f"{keys}/key.pub", "-signature", signature, data)
    said = run(*tool, "--test")
    need("C_SeedRandom()" in said and "seeding" not in said, said)
    service.end()
    with open(log, encoding="utf-8") as file:
        lines = file.read()
    need(re.search(r"^p11dbus: sign .*result=CKR_OK mechanism=\"adding-rsa\"", lines, re.M), lines)
    need(re.search(r"^p11dbus: seed-random .*result=CKR_OK token=\"keys\"$", lines, re.M), lines)


def main(source):
    with tempfile.TemporaryDirectory(prefix="p11dbus-adding-") as scratch:
        tree = os.path.join(scratch, "tree")
        shutil.copytree(source, tree, symlinks=True, ignore=lambda at, names: [
            name for name in names if at == source and re.match(r"build|\.git$", name)])
        add(tree)
        directory = build(tree)
        run(os.path.join(HERE, "make-keys"), f"{scratch}/keys", "key:rsa")
        run("openssl", "pkey", "-in", f"{scratch}/keys/key.key", "-pubout", "-out",
            f"{scratch}/keys/key.pub")
        print(run("dbus-run-session", "--", sys.executable, os.path.abspath(__file__), "--inside",
                  directory, scratch))


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        inside(*sys.argv[2:])
    else:
        main(os.path.abspath(sys.argv[1]))
