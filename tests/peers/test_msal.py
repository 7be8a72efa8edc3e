"""The simulator against Microsoft's msal for Python, unchanged."""

import unittest

import msal
from lab import OWN_NAMES, Browser, Lab, claims

GRAPH = ["https://graph.microsoft.com/.default"]
OUTLOOK_APP = ["https://outlook.office365.com/.default"]
REDIRECT = "https://localhost:4443/authorize"


class Msal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.certificate = cls.lab.certificate("registered")
        cls.lab.change_app(certificates=[cls.certificate.public_pem()])

    @classmethod
    def tearDownClass(cls):
        cls.lab.stop()

    def setUp(self):
        self.lab.all_switches_back()

    def confidential(self, credential, **more):
        given = {"client_id": self.lab.client, "authority": self.lab.authority, **more}
        return msal.ConfidentialClientApplication(client_credential=credential, **given, **self.surroundings())

    def surroundings(self):
        # Instance discovery asks Microsoft's host, whatever the authority: elsewhere msal has to be told not to.
        return {"verify": str(self.lab.ca), "instance_discovery": None if OWN_NAMES else False}

    def assert_token(self, answer, proof):
        self.assertIn("access_token", answer, answer)
        self.assertEqual(claims(answer["access_token"])["appidacr"], proof)

    def assert_code(self, answer, code):
        self.assertNotIn("access_token", answer)
        self.assertIn(code, answer["error_codes"], answer)
        self.assertTrue(answer["error_description"].startswith("AADSTS"), answer)

    def test_certificate_by_pfx_file(self):
        credential = {"private_key_pfx_path": str(self.certificate.pfx), "passphrase": self.certificate.password}
        for scope in (GRAPH, OUTLOOK_APP):
            self.assert_token(self.confidential(credential).acquire_token_for_client(scope), "2")
        public = {**credential, "public_certificate": True}
        self.assert_token(self.confidential(public).acquire_token_for_client(GRAPH), "2")

    def test_certificate_by_thumbprint(self):
        credential = {"private_key": self.certificate.key.read_text(), "thumbprint": self.certificate.thumbprint}
        self.assert_token(self.confidential(credential).acquire_token_for_client(GRAPH), "2")

    def test_certificate_by_public_certificate(self):
        private = self.certificate.key.read_text()
        both = {"private_key": private, "public_certificate": self.certificate.public_pem()}
        self.assert_token(self.confidential(both).acquire_token_for_client(GRAPH), "2")
        both["thumbprint"] = self.certificate.thumbprint
        self.assert_token(self.confidential(both).acquire_token_for_client(GRAPH), "2")

    def test_secret(self):
        self.assert_token(self.confidential(self.lab.secret).acquire_token_for_client(GRAPH), "1")

    def sign_in(self, app, scopes, **more):
        flow = app.initiate_auth_code_flow(scopes, redirect_uri=REDIRECT, **more)
        self.assertIn("code_challenge=", flow["auth_uri"])
        browser = Browser(self.lab, REDIRECT).open(flow["auth_uri"])
        browser.press("Sign in", email=self.lab.user, password=self.lab.password)
        return app.acquire_token_by_auth_code_flow(flow, browser.answer), flow, browser.answer

    def test_authorization_code_with_pkce_then_refresh_for_another_resource(self):
        app = self.confidential(self.lab.secret)
        answer, _, _ = self.sign_in(app, ["User.Read", "Mail.Send"])
        self.assert_token(answer, "1")
        self.assertEqual(answer["id_token_claims"]["preferred_username"], self.lab.user)
        account = app.get_accounts(self.lab.user)[0]
        again = app.acquire_token_silent_with_error(["Mail.Send"], account, force_refresh=True)
        self.assertNotEqual(again["access_token"], answer["access_token"])
        outlook = app.acquire_token_silent_with_error(["https://outlook.office.com/SMTP.Send"], account)
        self.assertEqual(claims(outlook["access_token"])["aud"], "https://outlook.office.com")

    def test_authorization_code_by_form_post(self):
        app = self.confidential(self.lab.secret)
        flow = app.initiate_auth_code_flow(["Mail.Send"], redirect_uri=REDIRECT, response_mode="form_post")
        browser = Browser(self.lab, REDIRECT).open(flow["auth_uri"])
        browser.press("Sign in", email=self.lab.user, password=self.lab.password)
        browser.press("Continue")
        self.assert_token(app.acquire_token_by_auth_code_flow(flow, browser.answer), "1")

    def test_a_code_is_redeemed_once(self):
        app = self.confidential(self.lab.secret)
        _, flow, answer = self.sign_in(app, ["Mail.Send"])
        self.assert_code(app.acquire_token_by_auth_code_flow(flow, answer), 54005)

    def test_device_code(self):
        given = {"client_id": self.lab.client, "authority": self.lab.authority, **self.surroundings()}
        app = msal.PublicClientApplication(**given)
        flow = app.initiate_device_flow(["User.Read", "Mail.Send"])
        self.assertIn("user_code", flow, flow)
        browser = Browser(self.lab, REDIRECT).open(flow["verification_uri"])
        browser.press("Next", code=flow["user_code"])
        browser.press("Sign in", email=self.lab.user, password=self.lab.password)
        self.assert_token(app.acquire_token_by_device_flow(flow), "0")

    def test_errors_of_the_client_carry_their_codes(self):
        other = self.lab.certificate("not-registered")
        unknown = {"private_key": other.key.read_text(), "thumbprint": other.thumbprint}
        answer = self.confidential(unknown).acquire_token_for_client(GRAPH)
        self.assert_code(answer, 700027)
        self.assertIn(other.thumbprint, answer["error_description"])
        self.assert_code(self.confidential("wrong").acquire_token_for_client(GRAPH), 7000215)
        stranger = self.confidential(self.lab.secret, client_id="11111111-2222-3333-4444-555555555555")
        self.assert_code(stranger.acquire_token_for_client(GRAPH), 700016)
        app = self.confidential(self.lab.secret)
        self.assert_code(app.acquire_token_for_client(["https://graph.microsoft.com/Mail.Send"]), 1002012)

    def test_an_expired_secret_has_its_code(self):
        secrets = self.lab.get(f"/apps/{self.lab.client}")["secrets"]
        self.lab.change_app(secrets=[*secrets, {"value": "old", "expires": "2020-01-01T00:00:00Z"}])
        self.addCleanup(self.lab.change_app, secrets=secrets)
        self.assert_code(self.confidential("old").acquire_token_for_client(GRAPH), 7000222)

    def test_policies_revocation_and_silence_have_their_codes(self):
        cache = msal.TokenCache()
        app = self.confidential(self.lab.secret, token_cache=cache)
        self.sign_in(app, ["Mail.Send"])
        account = app.get_accounts(self.lab.user)[0]

        def refresh():
            # A new one each time: msal keeps refusals for a minute and doesn't ask again.
            app = self.confidential(self.lab.secret, token_cache=cache)
            return app.acquire_token_silent_with_error(["Mail.Send"], account, force_refresh=True)

        self.lab.switch(ca_block=True)
        self.assert_code(refresh(), 53003)
        self.lab.switch(ca_block=False, mfa_enrollment_required=True)
        self.assert_code(refresh(), 50079)
        self.lab.switch(mfa_enrollment_required=False)
        self.lab.put(f"/users/{self.lab.user}", {"mfa": True})
        answer = refresh()
        self.lab.put(f"/users/{self.lab.user}", {"mfa": False})
        self.assert_code(answer, 50076)
        self.assertEqual(answer["suberror"], "basic_action")
        self.assertIn("capolids", answer["claims"])
        self.lab.change_app(admin_consent=False)
        answer = refresh()
        self.lab.change_app(admin_consent=True)
        self.assert_code(answer, 65001)
        self.lab.post("/clock", {"advance_seconds": 91 * 86400})
        answer = refresh()
        self.lab.post("/clock", {"advance_seconds": -91 * 86400})
        self.assert_code(answer, 700082)


if __name__ == "__main__":
    unittest.main()
