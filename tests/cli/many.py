# SPDX-License-Identifier: MIT
"""p11dbus list on our own service does not get slower with every object: what it sends stays the
same, and so does what it shows of each."""

import shutil
import tempfile
import unittest

from harness import Case
from served import Bus, Service, make_keys

FEW, MANY = 2, 400


class Many(Case):
    @classmethod
    def setUpClass(cls):
        cls.directory_of_all = tempfile.mkdtemp(prefix="p11dbus-many-")
        cls.addClassCleanup(shutil.rmtree, cls.directory_of_all)
        make_keys(f"{cls.directory_of_all}/few", "p256")
        few = f"{cls.directory_of_all}/few"
        cls.bus = Bus()
        cls.addClassCleanup(cls.bus.end)
        cls.directories = []
        for name, count in (("few", FEW), ("many", MANY)):
            directory = f"{cls.directory_of_all}/{name}"
            if name != "few":
                shutil.copytree(few, directory)
            cls.directories.append(directory)
            for i in range(1, count):
                for suffix in ("key", "crt"):
                    shutil.copy(f"{few}/p256.{suffix}", f"{directory}/copy{i}.{suffix}")
        cls.service = Service("--keys", cls.directories[0], "--keys", cls.directories[1])

    @classmethod
    def tearDownClass(cls):
        code = cls.service.end()
        if not cls.service.ready or code != 0:
            raise AssertionError(f"serve: exit {code}: {cls.service.said}")

    def messages(self, *words):
        result = self.expect(0, "list", *words, env={"P11DBUS_DEBUG": "wire"})
        return [line for line in result.err.splitlines() if " wire " in line]

    def test_messages_do_not_depend_on_the_number_of_objects(self):
        for words in ([], ["--json"], ["-f", "uri"], ["--export", "pem"], ["certs"]):
            few = self.messages(*words, "pkcs11:token=few")
            many = self.messages(*words, "pkcs11:token=many")
            self.assertEqual(len([line for line in many if "ListObjects" in line]), 1, many)
            self.assertEqual(len(few), len(many), (few, many))

    def test_all_are_shown(self):
        for name, count in (("few", FEW), ("many", MANY)):
            uri = f"pkcs11:token={name}"
            uris = self.expect(0, "list", "-f", "uri", uri).out.split()
            self.assertEqual(len(set(uris)), 3 * count)
            objects = self.expect(0, "list", "--json", uri).json()["tokens"][0]["objects"]
            self.assertEqual([entry["uri"].encode() for entry in objects], uris)
            table = self.expect(0, "list", uri).out.decode()
            self.assertEqual(table.count("\n  private key  "), count)
            self.assertEqual(table.count("subject CN=p256"), count)


if __name__ == "__main__":
    unittest.main(verbosity=2)
