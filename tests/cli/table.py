# SPDX-License-Identifier: MIT
"""The table of p11dbus list on a terminal: it fits, and says when certificates end."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time
import unicodedata

from harness import P11DBUS, PIN, SOFTHSM, Case, Token, check, main

WIDE = "\N{CJK UNIFIED IDEOGRAPH-9375}" * 30
COMBINING = "e\N{COMBINING ACUTE ACCENT}" * 40
DAY = 24 * 60 * 60
NOW = time.time()  # one for all, whatever midnight does
# label: first and last day of validity from now, what the table says, its colour
CERTIFICATES = {
    "far": (-1, 400, "until " + time.strftime("%Y-%m-%d", time.gmtime(NOW + 400 * DAY)),
            None),
    "near": (-1, 12.5, "expires in 12 days", "33"),
    "past": (-9, -5, "expired " + time.strftime("%Y-%m-%d", time.gmtime(NOW - 5 * DAY)),
             "31"),
    "early": (5, 90, "not yet valid", "33"),
}


def add_certificate(label, start, end):
    """Puts a certificate of the P-256 key on the token, valid from and to so many days from now."""
    dates = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(NOW + days * DAY))
             for days in (start, end)]
    config = token.path("ca.conf")
    with open(config, "w", encoding="ascii") as file:
        file.write("[ca]\ndefault_ca=own\n[own]\npolicy=any\ndefault_md=sha256\nrand_serial=yes\n"
                   f"unique_subject=no\ndatabase={token.path('index')}\n"
                   f"new_certs_dir={token.directory}\n[any]\ncommonName=supplied\n"
                   "[req]\ndistinguished_name=any\n")
    open(token.path("index"), "a", encoding="ascii").close()
    check("openssl", "req", "-new", "-config", config, "-key", token.path("p256.key"), "-subj",
          f"/CN={label} {'long ' * 8}", "-out", token.path("csr"))
    check("openssl", "ca", "-batch", "-notext", "-config", config, "-selfsign", "-keyfile",
          token.path("p256.key"), "-in", token.path("csr"), "-startdate", dates[0], "-enddate",
          dates[1], "-out", token.path("certificate"))
    check("openssl", "x509", "-in", token.path("certificate"), "-outform", "DER", "-out",
          token.path("der"))
    check("pkcs11-tool", "--module", SOFTHSM, "--token-label", "demo", "--login", "--pin", PIN,
          "--write-object", token.path("der"), "--type", "cert", "--label", label, "--id", "02")


if SOFTHSM:
    token = Token()
    for name, (first, last, _, _) in CERTIFICATES.items():
        add_certificate(name, first, last)
    token.add_key("rsa", "aa" * 20, [], label=WIDE)
    token.add_key("p384", "bb" * 20, [], label=COMBINING)
    token.add_key("p521", "cc" * 20, [], label="\033[2Jclear\n" * 3)


def width(text):
    """The columns that text takes on a terminal."""
    return sum(0 if unicodedata.combining(character) else
               2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


class Table(Case):
    def on_terminal(self, columns, *words, env=None):
        """What p11dbus prints on a terminal of so many columns (0: that does not tell)."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm", **(env or {})}
        environment.pop("NO_COLOR", None)
        process = subprocess.Popen(
            [P11DBUS, "list", "-m", SOFTHSM, *words], stdin=subprocess.DEVNULL, stdout=theirs,
            stderr=subprocess.PIPE, env=environment, start_new_session=True)
        os.close(theirs)
        out = b""
        try:
            while part := os.read(ours, 65536):
                out += part
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        with process.stderr:
            self.assertEqual(process.stderr.read(), b"")
        self.assertEqual(process.wait(60), 0)
        return out.decode().replace("\r\n", "\n")

    def plain(self, *words):
        return self.expect(0, "list", "-m", SOFTHSM, *words).out.decode()

    def test_no_line_wraps(self):
        login = ["--login", "--pin-file", token.pin_file]
        for columns in (40, 60, 80, 132, 200):
            for words in ([], login, ["certs"], ["mechanisms"]):
                out = self.on_terminal(columns, "--color", "never", *words)
                self.assertGreater(len(out.splitlines()), 10)
                for line in out.splitlines():
                    if not line.strip().startswith("pkcs11:"):
                        self.assertLessEqual(width(line), columns, line)

    def test_uris_are_never_shortened(self):
        def uris(text):
            return [line for line in text.splitlines() if line.strip().startswith("pkcs11:")]

        wanted = uris(self.plain())
        self.assertGreater(len(wanted), 10)
        for columns in (30, 80):
            self.assertEqual(uris(self.on_terminal(columns)), wanted)

    def test_cells_keep_beginning_and_end(self):
        out = self.on_terminal(80, "--color", "never", "keys")
        for character in (WIDE[0], COMBINING[:2]):
            self.assertRegex(out, f"  ({character})+…({character})+  ")
        self.assertRegex(out, "id a+…a+\n")

    def test_nothing_is_shortened_elsewhere(self):
        self.assertIn(WIDE, self.plain())
        self.assertIn("a" * 40, self.plain())
        self.assertNotIn("…", self.plain())
        self.assertEqual(self.on_terminal(1000, "--color", "never"), self.plain())

    def test_columns_counts_where_the_terminal_does_not_tell(self):
        shown = self.on_terminal(0, "--color", "never", env={"COLUMNS": "60"})
        self.assertEqual(shown, self.on_terminal(60, "--color", "never", env={"COLUMNS": "99"}))
        for nonsense in ("", "0", "-1", "many", "99999999999999999999"):
            self.assertEqual(self.on_terminal(0, "--color", "never", env={"COLUMNS": nonsense}),
                             self.plain())

    def test_columns_stand_below_each_other(self):
        lines = [line for line in self.on_terminal(200, "--color", "never", "keys").splitlines()
                 if line.startswith("  public key")]
        self.assertEqual(len({width(line.partition("  verify")[0]) for line in lines}), 1, lines)

    def test_certificates_say_when_they_end(self):
        plain = self.plain("certs")
        colored = self.on_terminal(200, "certs")
        for label, (_, _, text, color) in CERTIFICATES.items():
            with self.subTest(label=label):
                self.assertRegex(plain, rf"certificate  {label} .*  {text}")
                shown = f"\033[{color}m{text}, CA\033[0m" if color else text
                self.assertRegex(colored, rf"certificate  {label} .*  " + re.escape(shown))
                self.assertIn(f"subject CN={label} long", plain)

    def test_colors_are_for_terminals(self):
        self.assertNotIn("\033", self.plain("certs"))
        self.assertIn("\033[31mexpired", self.plain("certs", "--color", "always"))
        self.assertNotIn("\033", self.on_terminal(80, "certs", "--color", "never"))
        self.assertNotIn("\033", self.on_terminal(80, "certs", env={"TERM": "dumb"}))

    def test_control_characters_are_escaped_at_every_width(self):
        for columns in (30, 60, 80, 200):
            out = self.on_terminal(columns, "--color", "never")
            self.assertNotIn("\033", out)
        self.assertIn("\\x1b[2Jclear\\x0a", out)


if __name__ == "__main__":
    main()
