# SPDX-License-Identifier: MIT
"""No module spoils the report or keeps what it has started, whatever it does."""

import os
import signal
import subprocess
import time

from harness import P11DBUS, main
from smokecase import FAULTY, KEYS, SOFTHSM, SmokeCase, Token

# One check that has the module in its own process, and one that has it in the probe.
CHECKS = ("--check", "info-strings", "--check", "times")


def sleepers():
    """The processes that the fault "children" leaves, by their odd argument."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"86412" in file.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            pass
    return found


class Wild(SmokeCase):
    @classmethod
    def setUpClass(cls):
        cls.token = Token({"rsa": KEYS["rsa"]})

    def check(self, fault, status, detail, code=1, limit=20):
        results = self.faulty(code, "wild:" + fault, *CHECKS, "--timeout", str(limit))
        self.assertEqual(sorted(results), ["info-strings", "times"])
        for result in results.values():
            self.assert_result(result, status, detail)

    def test_a_crash_is_named_with_its_place(self):
        self.check("crash", "crash", r"SIGSEGV in faulty-module\.so\+0x[0-9a-f]+ \(faulty_crash\)")
        self.check("abort", "crash", r"SIGABRT in faulty-module\.so\+0x")

    def test_a_crash_while_it_is_loaded(self):
        self.check("constructor", "crash", r"SIGSEGV.*faulty-module\.so\+0x")

    def test_an_end_of_the_process_is_a_crash(self):
        self.check("exit", "crash", "ended the process with code 0.*nitialize")

    def test_signals_to_others(self):
        self.check("kill-parent", "crash", "SIGKILL|process that watches over it")
        self.check("kill-group", "crash", "SIGKILL")

    def test_a_hang_is_named_with_its_place(self):
        self.check("hang", "hang", r"hangs in faulty-module\.so\+0x[0-9a-f]+, in .*nitialize",
                   limit=2)

    def test_a_hang_with_all_signals_blocked(self):
        self.check("hang-blocked", "hang", "in .*nitialize", limit=2)

    def test_a_pin_of_which_nobody_knows_whether_it_is_right_is_not_tried_again(self):
        done = self.faulty(7, "wild:login", runner=self.smoke)
        self.assertRegex(done.err, r"does not live through a login: SIGSEGV.*, in C_Login")

    def test_closed_descriptors_take_no_report_away(self):
        self.check("close-all", "pass", "", code=0)
        results = self.faulty(1, "wild:close-all", "--check", "process-state")
        self.assert_result(results["process-state"], "fail", "closes the descriptor 0")

    def test_what_is_printed_is_no_report(self):
        self.check("report", "pass", "", code=0)

    def test_children_do_not_stay(self):
        self.check("children", "pass", "", code=0)
        self.assertEqual(sleepers(), [])

    def test_the_other_checks_go_on(self):
        results = self.faulty(1, "fork-child:crash", "--skip", "sign-*")
        self.assert_result(results.pop("fork-child"), "crash")
        self.assert_all(results, "pass")

    def test_a_parent_that_ignores_its_children(self):
        command = "trap '' CHLD; exec \"$@\""
        done = subprocess.run(["sh", "-c", command, "sh", P11DBUS, "smoke", SOFTHSM, *CHECKS],
                              stdout=subprocess.PIPE, check=False, timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"2 checks: 2 pass", done.stdout)

    def test_an_end_of_ours_ends_all(self):
        environment = {**os.environ, "FAULT": "wild:hang", "FAULTY_MODULE": SOFTHSM}
        run = subprocess.Popen([P11DBUS, "smoke", FAULTY, *CHECKS], env=environment,
                               stdout=subprocess.DEVNULL, start_new_session=True)
        for number in (signal.SIGTERM, None):
            until = time.monotonic() + 20
            # What was seen counts: the process before all checks has it for a moment only.
            while (loaded := self.is_loaded()) != (number is not None) and time.monotonic() < until:
                os.sched_yield()
            self.assertEqual(loaded, number is not None)
            if number:
                run.send_signal(number)
                run.wait(20)

    def is_loaded(self):
        """Whether the faulty module is in any process."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
                    if self.module() in file.read():
                        return True
            except OSError:
                pass
        return False

    @staticmethod
    def module():
        return os.path.realpath(FAULTY)


if __name__ == "__main__":
    main()
