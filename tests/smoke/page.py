# SPDX-License-Identifier: MIT
"""The page of what smoke finds on the modules of Debian says what its script writes.

$MODULES_SCRIPT and $MODULES_PAGE are the two."""

import os
import re
import shutil
import subprocess

from harness import P11DBUS, main
from smokecase import SmokeCase, list_checks

SCRIPT, PAGE = os.environ["MODULES_SCRIPT"], os.environ["MODULES_PAGE"]
COLUMNS = 8


class Page(SmokeCase):
    def setUp(self):
        super().setUp()
        self.text = self.read(PAGE).decode()
        self.names = self.script("--list").splitlines()

    def script(self, *words, code=0):
        done = subprocess.run([SCRIPT, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding="utf-8", check=False, timeout=300)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout

    def block(self, text):
        return re.search(r"\n; what \S+ has written begins here\n(.*)\n; and ends here\n", text,
                         re.S)[1]

    def rows(self, text):
        """The cells of each module, by its name."""
        cells = re.findall(r"(?m)^\|  .*(?:\n:  .*)*", text)
        rows = [[cell[3:] for cell in row.split("\n")] for row in cells]
        return {row[0]: row for row in rows}

    def section(self, text, name):
        return re.search(rf"(?ms)^## {re.escape(name)}\n.*?(?=^## |^; and ends|\Z)", text)[0]

    def test_each_module_has_its_row_and_its_section(self):
        block = self.block(self.text)
        self.assertEqual(re.findall(r"(?m)^## (.*)$", block), self.names)
        rows = self.rows(block)
        self.assertEqual(list(rows), self.names)
        self.assertGreater(len(rows), 12)
        for row in rows.values():
            self.assertEqual(len(row), COLUMNS)
            self.assertIn(row[2], ("read", "sign", "write"))

    def test_each_check_that_it_names_is_one_and_the_numbers_are_theirs(self):
        known = {check["id"]: check["level"] for check in list_checks(self)}
        rows = self.rows(self.block(self.text))
        found = 0
        for name in self.names:
            section = self.section(self.text, name)
            told = re.findall(r"(?m)^\*([a-z0-9-]+)\*, (warn|FAIL|CRASH|HANG)$", section)
            skips = re.search(r"(?m)^\*skip\*\n((?:\t.*\n)+)", section)
            skipped = re.findall(r"\*([a-z0-9-]+)\*", skips[1]) if skips else []
            self.assertLessEqual({check for check, _ in told} | set(skipped), set(known), name)
            counts = rows[name][3:]
            if counts == ["-"] * 5:  # it could not be loaded, and the section says why
                self.assertEqual((told, skipped), ([], []))
                continue
            kinds = [status for _, status in told]
            self.assertEqual(counts[1:], [str(number) for number in (
                kinds.count("warn"), kinds.count("FAIL"),
                kinds.count("CRASH") + kinds.count("HANG"), len(skipped))], name)
            found += len(told)
        self.assertGreater(found, 30)

    def test_a_new_run_writes_the_same(self):
        """On SoftHSM; where there is another one, or a check is new, the same in form."""
        page = shutil.copy(PAGE, "page")
        self.script(P11DBUS, "--page", page, "SoftHSM")
        new = self.read(page).decode()
        before, after = self.rows(self.block(self.text)), self.rows(self.block(new))
        self.assertEqual(list(before), list(after))
        for name in self.names[1:]:
            self.assertEqual(before[name], after[name])
            self.assertEqual(self.section(self.text, name), self.section(new, name))
        form = re.compile(r"\A## SoftHSM\n\n(?:_.*\n)+(?:.+\n)*\n"
                          r"(?:\*[a-z-]+\*(?:, [a-zA-Z]+)?\n(?:\t.*\n)+\n)+\Z")
        for text in (self.text, new):
            self.assertRegex(self.section(text, "SoftHSM"), form)
        checks = list_checks(self, "--level", after["SoftHSM"][2])
        self.assertEqual(sum(map(int, after["SoftHSM"][3:])), len(checks))
        if before["SoftHSM"][1] != after["SoftHSM"][1]:
            return
        self.assertEqual(sum(map(int, before["SoftHSM"][3:])), len(checks),
                         "checks have come or gone: run tests/smoke/modules")
        # How long things take says something of a busy machine too.
        if "*times*" not in self.section(new, "SoftHSM"):
            self.assertEqual(self.section(self.text, "SoftHSM"), self.section(new, "SoftHSM"))

    def test_what_is_not_here_is_told(self):
        self.script(P11DBUS, "no such module", code=2)
        self.script("--page", PAGE, code=2)


if __name__ == "__main__":
    main()
