# SPDX-License-Identifier: MIT
"""Completions: what the program answers, and what the tab key does in the shells themselves."""

import os
import shutil
import subprocess
import unittest

from harness import KEYS, NOT_ROOT, P11DBUS, PIN, RUDE, SOFTHSM, Case, Token, check, main, \
    needs_containers
from served import Bus, Service
from shell import Shell

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SCRIPTS = os.path.join(TOP, "completions")
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"

# A label that a shell must never take for more than a label: 32 bytes, as many as there can be.
HOSTILE = "$(touch pwned) it's;`id` \"!x\" #&"
HOSTILE_KEY = "a;b $(touch pwned)\nsecond line"

if SOFTHSM:
    token = Token({name: KEYS[name] for name in ("rsa", "p256")})
    token.add_key("twin1", "11", KEYS["p256"][1], label="twin")
    token.add_key("twin2", "12", KEYS["p256"][1], label="twin")
    token.add_token(HOSTILE)
    token.add_key("far", "21", KEYS["p256"][1], token=HOSTILE, label=HOSTILE_KEY)


class Asking(Case):
    """Asks p11dbus as a shell would."""

    def ask(self, *words, **options):
        """Returns what else the shell may offer, and the candidates with what they are."""
        result = self.expect(0, "complete", "--", *words, **options)
        self.assertEqual(result.err, "")
        head, *lines = result.out.decode().splitlines()
        self.files, self.prefix = head.split("\t")
        return dict(line.split("\t") for line in lines)

    def readline(self, line, text, **options):
        result = self.expect(0, "complete", "--line", "p11dbus " + line, "--", text, **options)
        self.assertEqual(result.err, "")
        return result.out.decode().splitlines()[1:]


class Answers(Asking):
    """What p11dbus answers to a shell."""

    def test_commands(self):
        commands = self.ask("")
        shown = self.expect(0, "--help").out.decode()
        for name, summary in commands.items():
            self.assertIn(f"  {name}", shown)
            self.assertIn(summary, " ".join(shown.split()))
        self.assertLessEqual({"list", "sign", "verify", "serve"}, set(commands))
        self.assertEqual(set(commands) & {"complete", "worker"}, set())
        self.assertNotIn("complete", shown)
        self.assertEqual(set(self.ask("--")), {"--help", "-h", "--version"})
        self.assertEqual(self.readline("s", "s"), ["sign", "serve", "smoke"])
        self.assertLessEqual(set(commands), set(self.ask("help", "")))

    def test_every_option_of_the_help(self):
        for command in self.ask(""):
            options = self.ask(command, "-")
            shown = self.expect(0, command, "--help").out.decode()
            known = {word.rstrip(",").split("=")[0] for line in shown.splitlines()
                     if line.startswith("  -") for word in line.split()[:2] if word[0] == "-"}
            self.assertGreater(len(known), 5)
            self.assertEqual(set(options), known)

    def test_an_option_is_given_once(self):
        options = self.ask("sign", "-a", "sha256", "--json", "-qv", "-")
        for gone in ("-a", "--algorithm", "--json", "--quiet", "--verbose"):
            self.assertNotIn(gone, options)
        self.assertIn("--format", options)
        self.assertIn("--keys", self.ask("serve", "--keys", "a", "-"))  # but this one again
        self.assertIn("--json", self.ask("sign", "--json"))  # the word that is typed just now

    def test_values(self):
        self.assertEqual(set(self.ask("list", "--color", "")), {"auto", "always", "never"})
        self.assertEqual(set(self.ask("list", "--color=a")), {"auto", "always", "never"})
        self.assertEqual(self.prefix, "--color=")
        self.assertEqual(set(self.ask("serve", "--bus", "")), {"session", "system"})
        self.assertLessEqual({"der", "raw"}, set(self.ask("sign", "-f", "")))
        self.assertEqual(self.readline("list --color=a", "a"), ["auto", "always"])
        self.assertEqual(self.readline("list --color=a", "--color=a"),  # without = in WORDBREAKS
                         ["--color=auto", "--color=always"])
        for word, prefix in (("--algorithm=", "--algorithm="), ("-a", None), ("-qa", None),
                             ("-ars", "-a"), ("-qars", "-qa")):
            names = self.ask("sign", word)
            self.assertEqual("rsa-pss-sha256" in names, prefix is not None, word)
            self.assertEqual(self.prefix, prefix or "")
        self.write("data")
        for name in names:  # all of them are names that sign takes
            self.assertNotIn("no algorithm", self.expect(
                2, "sign", "-a", name, "--token", "", "data").err)

    def test_files(self):
        for words, files in ((["sign", ""], "file"), (["sign", "-o", ""], "file"),
                             (["verify", "--signature=x"], "file"), (["list", ""], "none"),
                             (["serve", "--keys", ""], "directory"), (["serve", ""], "none"),
                             (["list", "-m", ""], "file"), (["list", "--timeout", ""], "none"),
                             (["sign", "-q", "--", "-"], "file"), (["sign", "-"], "none")):
            with self.subTest(words=words):
                self.ask(*words, env={"P11DBUS_NAME": "org.example.Nobody"})
                self.assertEqual(self.files, files)

    @needs_containers
    def test_modules_of_p11_kit(self):
        os.makedirs("config/pkcs11/modules")
        self.write("config/pkcs11/modules/mine.module", f"module: {SOFTHSM}\n")
        self.write("config/pkcs11/modules/mine.txt")
        env = {"XDG_CONFIG_HOME": os.path.abspath("config")}
        modules = self.ask("list", "-m", "", env=env, prefix=NOT_ROOT)
        self.assertIn("mine", modules)
        self.assertNotIn("mine.txt", modules)
        self.assertIn("demo", self.ask("sign", "-m", "mine", "--token", "", env=env,
                                       prefix=NOT_ROOT))

    def test_keys(self):
        keys = self.ask("sign", "-m", SOFTHSM, "-k", "")
        demo = [uri for uri in keys if uri.startswith("pkcs11:token=demo;")]
        self.assertEqual(len(keys), 5)
        self.assertEqual(len(demo), 4)
        self.assertEqual(keys["pkcs11:token=demo;object=p256"], "P-256")
        self.write("data")
        for uri in demo:  # each names exactly one key, for both commands
            self.expect(0, "sign", "-m", SOFTHSM, "-k", uri, "--pin-file", token.pin_file,
                        "--force", "data")
            self.expect(0, "verify", "-m", SOFTHSM, "-k", uri, "-s", "data.sig", "data")
        self.assertEqual(self.ask("sign", f"-m{SOFTHSM}", "--token=demo", "--key="),
                         {uri: keys[uri] for uri in demo})
        self.assertEqual(self.prefix, "--key=")

    def test_labels_and_ids(self):
        words = ("sign", "-m", SOFTHSM)
        self.assertEqual(set(self.ask(*words, "--token", "")), {"demo", HOSTILE})
        # A newline cannot be in a line, and cannot be typed: the URI names that key.
        self.assertEqual(set(self.ask(*words, "--label", "")), {"rsa", "p256", "twin"})
        self.assertEqual(set(self.ask(*words, "--token", "demo", "--id", "")),
                         {"01", "02", "11", "12"})
        self.assertEqual(set(self.ask(*words, "-k", "pkcs11:token=demo;object=twin", "--id", "")),
                         {"11", "12"})
        self.assertEqual(set(self.ask(*words, "-k", "nonsense", "--id", "")), set())

    def test_list(self):
        found = self.ask("list", "-m", SOFTHSM, "")
        scopes = {"tokens", "keys", "certs", "objects", "mechanisms"}
        self.assertLessEqual(scopes | {"pkcs11:token=demo"}, set(found))
        again = self.ask("list", "-m", SOFTHSM, "keys", "")
        self.assertEqual(set(again), set(found) - scopes)
        for uri in again:
            self.expect(0, "list", "-m", SOFTHSM, uri)

    def test_tokens_of_one_label(self):
        self.addCleanup(os.environ.update, {"SOFTHSM2_CONF": os.environ["SOFTHSM2_CONF"]})
        twins = Token({}, label="twin")
        twins.add_token("twin")
        check("openssl", "genpkey", *KEYS["p256"][1], "-out", "key.pem")
        for one in self.expect(0, "list", "-m", SOFTHSM, "--token", "twin",
                               "--json").json()["tokens"]:
            check("softhsm2-util", "--import", "key.pem", "--serial", one["serial"], "--label",
                  "web", "--id", "01", "--pin", PIN)
        keys = self.ask("sign", "-m", SOFTHSM, "-k", "")
        self.assertEqual(len(keys), 2, keys)
        self.write("data")
        for uri in keys:
            self.expect(0, "sign", "-m", SOFTHSM, "-k", uri, "--pin-file", twins.pin_file,
                        "--force", "data")

    def test_readline_gets_what_it_replaces(self):
        words = f"sign -m {SOFTHSM} "
        for line, text, expected in (
                ("-k pkcs11:token=demo\\;object=r", "demo\\;object=r", "demo\\;object=rsa"),
                ("-k 'pkcs11:token=demo;object=r", "pkcs11:token=demo;object=r",
                 "pkcs11:token=demo;object=rsa"),
                ("--token '$(to", "$(to", HOSTILE.replace("'", "'\\''"))):
            self.assertEqual(self.readline(words + line, text), [expected])

    def test_no_module_is_loaded_without_need(self):
        log = os.path.abspath("log")
        for words in ([""], ["si"], ["-"], ["sign", "-m", RUDE, "-"], ["sign", "-m", RUDE, ""],
                      ["sign", "-m", RUDE, "-a", ""], ["sign", "-m", RUDE, "--pin-file", ""],
                      ["sign", "-m", RUDE, "-m", ""], ["verify", "-m", RUDE, "--color="]):
            self.ask(*words, env={"RUDE_LOG": log, "RUDE_MODULE": SOFTHSM})
            self.assertFalse(os.path.exists(log), words)
        self.ask("sign", "-m", RUDE, "-k", "", env={"RUDE_LOG": log, "RUDE_MODULE": SOFTHSM})
        with open(log, encoding="ascii") as file:
            self.assertEqual(file.read(), "initialize\n")  # and no login

    def test_modules_that_misbehave(self):
        def keys(rude):
            return self.ask("sign", "-m", RUDE, "-k", "",
                            env={"RUDE": rude, "RUDE_MODULE": SOFTHSM})

        every = keys("")
        self.assertEqual(len(every), 5)
        for rude, count in (("chatty", 5), ("crash-at-exit", 5), ("hang-at-finalize", 5),
                            ("crash-at-start", 0), ("hang-at-start", 0), ("device-error", 0)):
            with self.subTest(rude=rude):
                self.assertEqual(len(keys(rude)), count)
        some = keys("hang-at-second-search")  # what the first token told is not lost
        self.assertTrue(0 < len(some) < 5 and some.items() < every.items(), some)

    def test_nonsense_has_no_candidates(self):
        for words in (["complete", "--"], ["complete"], ["complete", "--line", "a"],
                      ["complete", "--line", "", "--", ""],
                      ["complete", "--line", "p11dbus x", "--", "no end of it"],
                      ["complete", "--", "nothing", ""], ["complete", "--", "nothing", "--x=", ""]):
            self.assertEqual(self.expect(0, *words).out, b"", words)
        self.assertEqual(self.ask("sign", "--nothing=x"), self.ask("sign", "-"))
        self.assertEqual(self.ask("sign", "-m", "/nonexistent.so", "-k", ""), {})


class Served(Asking):
    """The same module, our own, is used when none is named."""

    def test_keys_of_the_service(self):
        check(os.path.join(TOP, "tests", "make-keys"), "keys", "web:p256", "mail:rsa")
        bus = Bus()
        self.addCleanup(bus.end)
        service = Service("--keys", "keys")
        self.assertTrue(service.ready)
        self.addCleanup(service.end)
        expected = {"pkcs11:token=keys;object=web", "pkcs11:token=keys;object=mail"}
        self.assertEqual(set(self.ask("sign", "-k", "")), expected)
        self.assertEqual(set(self.ask("sign", "--bus", bus.address, "-k", "", env={
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"})), expected)
        self.assertEqual(self.ask("sign", "--bus", "unix:path=/nonexistent", "-k", ""), {})


class InShell(Case):
    """Lines typed in a shell, each ended by tab and return, and what p11dbus was started with."""

    shell = None
    directory_typed = "directory/"
    at_cursor = ("sign -m $(touch pwned)", "sign -k \"$(touch pwned)")

    def setUp(self):
        super().setUp()
        if not shutil.which(self.shell):
            self.skipTest(f"{self.shell} is not installed")
        self.write("report it's.txt")
        os.mkdir("directory")
        self.write("direct")
        os.mkdir("path")
        os.symlink(P11DBUS, "path/p11dbus")
        self.env = {"PATH": f"{os.path.abspath('path')}:{os.environ['PATH']}",
                    "HOME": self.directory, "ZDOTDIR": self.directory,
                    "XDG_CONFIG_HOME": self.directory, "XDG_DATA_HOME": self.directory,
                    "INPUTRC": "/dev/null", "HISTFILE": "", "LC_ALL": "C.UTF-8"}

    def start(self, *words):
        self.terminal = Shell(words, self.directory, self.env)
        self.addCleanup(self.terminal.end)

    def expect_typed(self, keys, *arguments):
        with self.subTest(keys=keys):
            self.assertEqual(self.terminal.type("p11dbus " + keys), list(arguments))
            self.assertFalse(os.path.exists("pwned"))

    def check_all(self):
        module = ("-m", SOFTHSM)
        words = f"-m {SOFTHSM} "
        uri = "pkcs11:token=demo;object=rsa"
        self.expect_typed("si\t", "sign")
        self.expect_typed("sign --pin-fi\t", "sign", "--pin-file")
        self.expect_typed("sign -a rsa-pss-sha38\t", "sign", "-a", "rsa-pss-sha384")
        self.expect_typed("list --color=ne\t", "list", "--color=never")
        self.expect_typed("list mech\t", "list", "mechanisms")
        self.expect_typed(f"sign {words}-k pkcs11:token=demo\\;object=r\t", "sign", *module, "-k",
                          uri)
        for mark in "'\"":
            for option, given in (("-k ", ["-k", uri]), ("--key=", ["--key=" + uri])):
                self.expect_typed(f"sign {words}{option}{mark}pkcs11:token=demo;object=r\t",
                                  "sign", *module, *given)
            self.expect_typed(f"sign {words}-k {mark}pkcs11:token=%\t", "sign", *module, "-k",
                              self.far)
        self.expect_typed(f"sign {words}-k pkcs11:token=%\t", "sign", *module, "-k", self.far)
        self.expect_typed(f"sign {words}--key=pkcs11:token=%\t", "sign", *module,
                          "--key=" + self.far)
        # Two keys "twin": what they have in common, and then the one.
        for mark, semicolon in (("", "\\;"), ("'", ";"), ("\"", ";")):
            self.expect_typed(f"sign {words}-k {mark}pkcs11:token=demo{semicolon}i\t2\t", "sign",
                              *module, "-k", "pkcs11:token=demo;id=%12;object=twin")
        for start in ("\\$", "\\$\\(touch\\ p", "'$(", "\"\\$("):
            self.expect_typed(f"sign {words}--token {start}\t", "sign", *module, "--token",
                              HOSTILE)
        self.expect_typed(f"sign {words}--token=\\$\t", "sign", *module, "--token=" + HOSTILE)
        self.expect_typed("verify -s rep\t", "verify", "-s", "report it's.txt")
        self.expect_typed("verify --signature=rep\t", "verify", "--signature=report it's.txt")
        self.expect_typed("verify --checksums a rep\t", "verify", "--checksums", "a",
                          "report it's.txt")
        self.expect_typed("sign rep\t", "sign", "report it's.txt")
        self.expect_typed("serve --keys dir\t", "serve", "--keys", self.directory_typed)
        self.expect_typed("nothing x\t", "nothing", "x")
        self.expect_typed("sign --timeout 1\t", "sign", "--timeout", "1")
        # The tab key runs nothing of the line, which ^U then clears.
        for line in ("sign -a $(touch pwned) --fo", "sign -m \"$(touch pwned)\" -k ",
                     "sign `touch pwned` ", *self.at_cursor):
            self.expect_typed(f"{line}\t\x15p11dbus list", "list")

    @property
    def far(self):
        answer = self.expect(0, "complete", "--", "sign", "-m", SOFTHSM, "--token", HOSTILE, "-k",
                             "").out.decode()
        return answer.splitlines()[1].split("\t")[0]


FUNCTION = """
PS1='READY> '
p11dbus() { printf '%s\\n' "$@" >"$ARGUMENTS"; printf '=DO''NE=\\n'; }
"""


class Bash(InShell):
    shell = "bash"
    rc = FUNCTION + "bind 'set enable-bracketed-paste off'\n"

    def run_with(self, script):
        self.start("bash", "--rcfile", self.write("rc", self.rc + script), "-i")
        self.check_all()

    def test_alone(self):
        self.run_with(f"source '{SCRIPTS}/p11dbus.bash'\n")

    def test_words_that_break_at_spaces_only(self):
        self.run_with(f"source '{SCRIPTS}/p11dbus.bash'\nCOMP_WORDBREAKS=$' \\t\\n\"\\'><;|&('\n")

    @unittest.skipUnless(os.path.exists(BASH_COMPLETION), "bash-completion is not installed")
    def test_loaded_by_bash_completion(self):
        os.makedirs("bash-completion/completions")
        shutil.copy(f"{SCRIPTS}/p11dbus.bash", "bash-completion/completions/p11dbus")
        self.run_with(f"source {BASH_COMPLETION}\n")

    def test_function(self):
        script = f"source '{SCRIPTS}/p11dbus.bash'; COMP_LINE=$1; COMP_POINT=$2; " \
            '_p11dbus p11dbus "$3" ""; printf "%s\\n" "${COMPREPLY[@]}"'
        for line, point, text, expected in (("p11dbus list --verb", 19, "--verb", "--verbose\n"),
                                            ("p11dbus verify x", 11, "ver", "verify\n"),
                                            ("p11dbus zz", 10, "zz", "\n")):
            done = subprocess.run(["bash", "-c", script, "bash", line, str(point), text],
                                  env={**os.environ, **self.env}, stdout=subprocess.PIPE,
                                  check=True)
            self.assertEqual(done.stdout.decode(), expected)


class Zsh(InShell):
    shell = "zsh"
    directory_typed = "directory"  # which takes the slash away again at return
    at_cursor = ()  # zsh itself expands the word at the cursor, whatever the command

    def test_all(self):
        self.write(".zshrc", f"fpath=('{SCRIPTS}' $fpath)\nautoload -U compinit\ncompinit -u -D\n"
                   + FUNCTION)
        self.start("zsh", "-d", "-i")
        self.check_all()


class Fish(InShell):
    shell = "fish"
    rc = f"""
source '{SCRIPTS}/p11dbus.fish'
set fish_greeting
function fish_prompt; echo -n 'READY> '; end
function p11dbus; printf '%s\\n' $argv >$ARGUMENTS; printf '=DO''NE=\\n'; end
"""

    def test_all(self):
        self.start("fish", "--no-config", "-i", "-C", self.rc)
        self.check_all()

    def test_descriptions(self):
        shown = check("fish", "--no-config", "-c",
                      f"source '{SCRIPTS}/p11dbus.fish'; complete -C 'p11dbus sign -'",
                      env={**os.environ, **self.env}).decode().splitlines()
        self.assertIn("--json\tprint JSON", shown)


if __name__ == "__main__":
    main()
