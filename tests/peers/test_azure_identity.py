"""The simulator against Microsoft's azure-identity for Python, unchanged."""

import unittest

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ClientSecretCredential
from lab import OWN_NAMES, Lab, claims

GRAPH = "https://graph.microsoft.com/.default"


class AzureIdentity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.authority = cls.lab.certificate("authority")
        cls.certificate = cls.lab.certificate("registered", signed_by=cls.authority)
        cls.lab.change_app(certificates=[cls.certificate.public_pem()])

    @classmethod
    def tearDownClass(cls):
        cls.lab.stop()

    def surroundings(self):
        given = {"authority": self.lab.login, "connection_verify": str(self.lab.ca)}
        return {**given, "disable_instance_discovery": not OWN_NAMES}

    def token(self, kind, *credential, **more):
        with kind(self.lab.tenant, self.lab.client, *credential, **more, **self.surroundings()) as made:
            return claims(made.get_token(GRAPH).token)

    def test_certificate_from_pem(self):
        claims = self.token(CertificateCredential, str(self.certificate.both))
        self.assertEqual((claims["appidacr"], claims["appid"]), ("2", self.lab.client))

    def test_certificate_from_pfx_with_password(self):
        given = {"password": self.certificate.password}
        self.assertEqual(self.token(CertificateCredential, str(self.certificate.pfx), **given)["appidacr"], "2")

    def chain_that_was_sent(self):
        """The certificates in the header of the last assertion that the simulator was given."""
        asked = [one["form"] for one in self.lab.get("/requests") if "client_assertion" in one.get("form", {})]
        return asked[-1]["client_assertion"]["header"].get("x5c")

    def test_certificate_with_its_chain(self):
        chain = [one.der_base64() for one in (self.certificate, self.authority)]
        for file, password in ((self.certificate.both, None), (self.certificate.pfx, self.certificate.password)):
            for sent, expected in ((True, chain), (False, None)):
                given = {"send_certificate_chain": sent, "password": password}
                self.assertEqual(self.token(CertificateCredential, str(file), **given)["appidacr"], "2")
                self.assertEqual(self.chain_that_was_sent(), expected)

    def test_secret(self):
        self.assertEqual(self.token(ClientSecretCredential, self.lab.secret)["appidacr"], "1")

    def test_errors_carry_their_codes(self):
        with self.assertRaises(ClientAuthenticationError) as caught:
            self.token(ClientSecretCredential, "wrong")
        self.assertIn("AADSTS7000215", str(caught.exception))
        other = self.lab.certificate("not-registered")
        with self.assertRaises(ClientAuthenticationError) as caught:
            self.token(CertificateCredential, str(other.both))
        self.assertIn("AADSTS700027", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
