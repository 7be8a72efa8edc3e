"""A PFX that Postern exported, read by openssl, keytool, GnuTLS (certtool) and NSS (pk12util)."""

import os
import re
import subprocess
import unittest

from house import House

PASSWORD = "pass word 1"


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House()
        cls.house.certificate("gate")
        shown = cls.house.ask("certificate", "show", "gate")
        cls.sha1, cls.sha256 = shown["thumbprint_sha1"], shown["thumbprint_sha256"]
        cls.pfx = cls.house.folder / "gate.pfx"
        cls.password = cls.house.folder / "password"
        cls.password.write_text(PASSWORD)
        arguments = ["certificate", "export", "gate", "--format", "pfx", "--output", cls.pfx]
        cls.house.ask(*arguments, "--password-file", cls.password)

    @classmethod
    def tearDownClass(cls):
        cls.house.stop()

    def read(self, *command):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def test_openssl_finds_the_key_and_its_certificate(self):
        given = ["-in", self.pfx, "-passin", f"file:{self.password}", "-nodes"]
        pem = self.house.folder / "read.pem"
        self.read("openssl", "pkcs12", *given, "-out", pem)
        self.assertIn("PRIVATE KEY-----", pem.read_text())
        of_key = self.read("openssl", "pkey", "-in", pem, "-pubout")
        of_certificate = self.read("openssl", "x509", "-in", pem, "-noout", "-pubkey")
        self.assertEqual(of_key, of_certificate)
        shown = self.read("openssl", "x509", "-in", pem, "-noout", "-fingerprint", "-sha1")
        self.assertIn(self.sha1, shown.replace(":", ""))

    def test_keytool_finds_a_private_key_entry(self):
        given = ["-keystore", self.pfx, "-storetype", "PKCS12", "-storepass:file", self.password, "-v"]
        shown = self.read("keytool", "-list", *given)
        self.assertIn("PrivateKeyEntry", shown)
        self.assertIn(self.sha256.upper(), shown.replace(":", ""))

    def test_gnutls_opens_both_bags(self):
        shown = self.read("certtool", "--p12-info", "--inder", "--infile", self.pfx, "--password", PASSWORD)
        self.assertIn("BEGIN CERTIFICATE", shown)
        self.assertRegex(shown, r"BEGIN (ENCRYPTED )?(RSA )?PRIVATE KEY")

    def test_nss_lists_the_certificate_and_the_key(self):
        shown = self.read("pk12util", "-l", self.pfx, "-w", self.password)
        self.assertRegex(shown, r"Key\(shrouded\)|Key:")
        self.assertTrue(re.search(r"Certificate(\(has private key\))?:", shown), shown)

    def test_a_wrong_password_opens_nothing(self):
        done = subprocess.run(
            ["openssl", "pkcs12", "-in", str(self.pfx), "-passin", "pass:wrong", "-nodes"], capture_output=True, text=True
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("PRIVATE KEY", done.stdout)


if __name__ == "__main__":
    unittest.main()
