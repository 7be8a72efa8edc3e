"""A PFX that Postern exported, read by openssl, keytool, GnuTLS (certtool) and NSS (pk12util): of both profiles, with a
plain password and with one beyond ASCII."""

import os
import re
import subprocess
import unittest

from house import House

PLAIN = "pass word 1"
UNUSUAL = "corréct hörse Пароль"
PROFILES = ["aes256", "3des"]


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House()
        cls.house.certificate("gate")
        shown = cls.house.ask("certificate", "show", "gate")
        cls.sha1, cls.sha256 = shown["thumbprint_sha1"], shown["thumbprint_sha256"]
        cls.exported = [cls.export(profile, password) for profile in PROFILES for password in [PLAIN, UNUSUAL]]

    @classmethod
    def export(cls, profile, password):
        """The file, the file with its password, and the password."""
        name = f"{profile}-{'plain' if password == PLAIN else 'unusual'}"
        pfx, password_file = cls.house.folder / f"{name}.pfx", cls.house.folder / f"{name}.password"
        password_file.write_text(password, encoding="utf-8")
        arguments = ["certificate", "export", "gate", "--format", "pfx", "--profile", profile, "--output", pfx]
        cls.house.ask(*arguments, "--password-file", password_file)
        return pfx, password_file, password

    @classmethod
    def tearDownClass(cls):
        cls.house.stop()

    def read(self, *command):
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def test_openssl_finds_the_key_and_its_certificate(self):
        for pfx, password_file, _ in self.exported:
            pem = self.house.folder / "read.pem"
            self.read("openssl", "pkcs12", "-in", pfx, "-passin", f"file:{password_file}", "-nodes", "-out", pem)
            self.assertIn("PRIVATE KEY-----", pem.read_text())
            of_key = self.read("openssl", "pkey", "-in", pem, "-pubout")
            of_certificate = self.read("openssl", "x509", "-in", pem, "-noout", "-pubkey")
            self.assertEqual(of_key, of_certificate)
            shown = self.read("openssl", "x509", "-in", pem, "-noout", "-fingerprint", "-sha1")
            self.assertIn(self.sha1, shown.replace(":", ""))

    def test_each_profile_is_what_it_is_called(self):
        for pfx, password_file, _ in self.exported:
            shown = self.read("openssl", "pkcs12", "-in", pfx, "-passin", f"file:{password_file}", "-info", "-noout")
            of_3des, of_aes256 = ["pbeWithSHA1And3-KeyTripleDES-CBC", "MAC: sha1"], ["AES-256-CBC", "MAC: sha256"]
            for text in of_3des if pfx.name.startswith("3des") else of_aes256:
                self.assertIn(text, shown)

    def test_keytool_finds_a_private_key_entry(self):
        for pfx, password_file, password in self.exported:
            # keytool takes no password beyond ASCII, from anyone.
            if password == PLAIN:
                given = ["-keystore", pfx, "-storetype", "PKCS12", "-storepass:file", password_file, "-v"]
                shown = self.read("keytool", "-list", *given)
                self.assertIn("PrivateKeyEntry", shown)
                self.assertIn(self.sha256.upper(), shown.replace(":", ""))

    def test_gnutls_opens_both_bags(self):
        for pfx, _, password in self.exported:
            shown = self.read("certtool", "--p12-info", "--inder", "--infile", pfx, "--password", password)
            self.assertIn("BEGIN CERTIFICATE", shown)
            self.assertRegex(shown, r"BEGIN (ENCRYPTED )?(RSA )?PRIVATE KEY")

    def test_nss_lists_the_certificate_and_the_key(self):
        for pfx, password_file, _ in self.exported:
            shown = self.read("pk12util", "-l", pfx, "-w", password_file)
            self.assertRegex(shown, r"Key\(shrouded\)|Key:")
            self.assertTrue(re.search(r"Certificate(\(has private key\))?:", shown), shown)

    def test_a_wrong_password_opens_nothing(self):
        for pfx, _, _ in self.exported:
            done = subprocess.run(
                ["openssl", "pkcs12", "-in", str(pfx), "-passin", "pass:wrong", "-nodes"], capture_output=True, text=True
            )
            self.assertNotEqual(done.returncode, 0)
            self.assertNotIn("PRIVATE KEY", done.stdout)


if __name__ == "__main__":
    unittest.main()
