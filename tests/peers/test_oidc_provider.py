"""Our OAuth client against npm's oidc-provider: private_key_jwt by PS256, PKCE, rotating refresh tokens with detection of
reuse, form_post, and the redirect https://localhost:<port>/authorize, through a [[cloud]] with `discovery`."""

import json
import pathlib
import unittest
import urllib.parse

from house import House, free_port
from lab import Browser, Certificate
from test_smtp_server import Server
import tempfile

USER = "megan@contoso.example"
CLIENT = "postern-gate"
TENANT = "4fbd64c2-b3b2-4b03-a1e4-cd40859ad23c"


class Provider(Server):
    script = "oidc-provider.mjs"


class Desk(unittest.TestCase):
    """A provider, a mail server that takes its tokens, and a Postern between them."""

    more = {}

    def setUp(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="peers-"))
        authority = Certificate(folder, "mail-authority")
        mail = Certificate(folder, "mail-server", authority, names=["localhost"])
        self.certificate, port = Certificate(folder, "gate"), free_port()
        self.sink = Server(key=str(mail.key), cert=str(mail.pem), anyToken=True)
        graph, outlook = "https://graph.peers.example", "https://outlook.peers.example"
        redirect = f"https://localhost:{port}/authorize"
        scopes = [f"{graph}/User.Read", f"{outlook}/SMTP.Send"]
        rules = {"client": CLIENT, "redirect": redirect, "scopes": scopes, "user": USER, "accessSeconds": 30, **self.more}
        self.provider = Provider(pem=str(self.certificate.pem), **rules)
        issuer = f"http://127.0.0.1:{self.provider.port}"
        cloud = {"name": "peers", "login": issuer, "graph": graph, "outlook_scope": outlook, "ca_file": authority.pem}
        cloud |= {"outlook_app_scope": outlook, "smtp": f"localhost:{self.sink.port}"}
        self.house = House({**cloud, "discovery": f"{issuer}/.well-known/openid-configuration"}, port=port)
        self.folder, self.told = folder, None

    def tearDown(self):
        self.house.stop()
        self.sink.stop()
        if self.told is None:
            self.provider.stop()

    def add_account(self):
        given = ["--file", self.certificate.pfx, "--password-stdin"]
        self.house.ask("certificate", "import", "--name", "gate", *given, given=self.certificate.password)
        account = ["--tenant", TENANT, "--client", CLIENT, "--certificate", "gate", "--cloud", "peers"]
        self.house.ask("account", "add", "--name", "person", *account, "--transport", "smtp", "--from", "")

    def sign_in(self):
        """The person needs no page; the provider sends the browser back."""
        flow = self.house.ask("account", "authorize", "person", "--no-wait")
        browser = Browser(None, self.house.redirect).open(flow["url"])
        self.assertIn("code", browser.answer or {}, browser.page)
        page = self.house.fetch("/authorize?" + urllib.parse.urlencode(browser.answer))
        self.assertIn(USER, page)
        self.house.ask("account", "confirm", "person")

    def events(self, name):
        if self.told is None:
            self.told = self.provider.stop()
        return [one for one in self.told if one.get("event") == name]


class OidcProvider(Desk):
    def test_a_sign_in_and_mails_with_tokens_that_rotate(self):
        self.add_account()
        self.sign_in()
        shown = self.house.ask("account", "show", "person")
        self.assertEqual((shown["state"]["name"], shown["grant"]["user"]), ("ready", USER))
        for _ in range(3):
            ok, stages = self.house.test_email("bob@else.example", "person")
            self.assertTrue(ok, stages)
        self.assertGreaterEqual(len(self.events("refresh_token.consumed")), 3, self.told)
        self.assertEqual(self.events("grant.revoked"), [], "a used refresh token never came again")
        self.assertEqual(self.events("grant.error"), [])

    def test_the_answer_may_come_as_a_form(self):
        self.add_account()
        token = self.house.run("token", "create", "--name", "peers", "--role", "administrator", "--json")
        secret = json.loads(token.stdout)["token"]
        flow = self.house.call("/api/v1/accounts/person/authorize", secret, {"response_mode": "form_post"})
        browser = Browser(None, self.house.redirect).open(flow["url"])
        browser.press("Continue")
        self.assertIn("code", browser.answer)
        self.house.fetch("/authorize", browser.answer)
        self.house.call("/api/v1/accounts/person/confirm", secret, {})
        self.assertEqual(self.house.ask("account", "show", "person")["state"]["name"], "ready")

    def test_another_certificate_is_refused_and_the_refusal_is_shown(self):
        self.add_account()
        self.house.certificate("other")
        self.house.ask("account", "edit", "person", "--certificate", "other")
        flow = self.house.ask("account", "authorize", "person", "--no-wait")
        browser = Browser(None, self.house.redirect).open(flow["url"])
        page = self.house.fetch("/authorize?" + urllib.parse.urlencode(browser.answer))
        self.assertIn("invalid_client", page)
        self.assertEqual({one["error"] for one in self.events("grant.error")}, {"invalid_client"})


class OnlyRs256(Desk):
    """A provider that knows no PS256, and lists what it knows."""

    more = {"alg": "RS256"}
    refused = set()

    def test_a_certificate_proves_itself_in_the_form_that_the_client_was_registered_for(self):
        self.add_account()
        self.sign_in()
        ok, stages = self.house.test_email("bob@else.example", "person")
        self.assertTrue(ok, stages)
        self.assertEqual(self.events("grant.revoked"), [])
        self.assertEqual({one["error"] for one in self.events("grant.error")}, self.refused)


class RegisteredForRs256(OnlyRs256):
    """A provider that lists both: which one this client may use can only be tried."""

    more = {"alg": "RS256", "algs": ["PS256", "RS256"]}
    refused = {"invalid_client"}


class SecretByBasic(Desk):
    """What a client is registered for at most providers."""

    more = {"secret": "s3cret~with: signs%", "secretMethod": "client_secret_basic"}

    def test_a_secret_is_said_as_the_client_was_registered_for(self):
        account = ["--tenant", TENANT, "--client", CLIENT, "--secret-stdin", "--cloud", "peers"]
        account += ["--transport", "smtp", "--from", ""]
        self.house.ask("account", "add", "--name", "person", *account, given=self.more["secret"])
        self.sign_in()
        ok, stages = self.house.test_email("bob@else.example", "person")
        self.assertTrue(ok, stages)
        self.assertEqual(self.events("grant.revoked"), [])


class SecretInTheForm(SecretByBasic):
    more = {"secret": "s3cret~with: signs%", "secretMethod": "client_secret_post"}


if __name__ == "__main__":
    unittest.main()
