"""Our SMTP client against Dovecot's submission service, which takes XOAUTH2 only, verifies the tokens itself by the
tenant's published key, and relays to a sink (npm's smtp-server)."""

import base64
import json
import os
import pathlib
import subprocess
import unittest
import urllib.parse
import urllib.request

from house import House, free_port
from lab import Browser, Certificate, Lab, openssl, trusting
from test_smtp_server import Server

# Dovecot takes a client that comes from its own address for a secured one; from 127.0.0.1 this is another.
ADDRESS = "127.0.0.2"


class Dovecot:
    """One Dovecot that knows the keys of a folder, on a port of its own."""

    def __init__(self, folder, certificate, issuer, relay_port):
        if os.geteuid() != 0:
            raise RuntimeError("Dovecot separates privileges: these tests have to be run as root")
        self.folder, self.port = folder / "dovecot", free_port()
        self.keys = self.folder / "keys"
        self.keys.mkdir(parents=True)
        for part in (folder, self.folder, self.keys):
            part.chmod(0o755)
        oauth2 = self.folder / "oauth2.conf"
        oauth2.write_text(
            f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={self.keys}/\n"
            f"username_attribute = upn\nissuers = {issuer}\n"
        )
        config = self.folder / "dovecot.conf"
        config.write_text(f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
auth_verbose = yes
auth_debug = yes
protocols = submission
ssl = required
ssl_cert = <{certificate.pem}
ssl_key = <{certificate.key}
auth_mechanisms = xoauth2
auth_failure_delay = 0
mail_location = maildir:{self.folder}/mail
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {oauth2}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={self.folder}/home
}}
submission_relay_host = 127.0.0.1
submission_relay_port = {relay_port}
service submission-login {{
  inet_listener submission {{
    address = {ADDRESS}
    port = {self.port}
  }}
}}
# Its penalty for failures would slow the next test down.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
""")
        self.process = subprocess.Popen(["dovecot", "-F", "-c", config])

    def trust(self, name, algorithm, pem):
        """Lays a key where Dovecot's dictionary looks for it."""
        for start in (self.keys, self.keys / "shared"):
            file = start / "default" / algorithm / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(pem)
        for part in self.keys.rglob("*"):
            part.chmod(0o755 if part.is_dir() else 0o644)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        return (self.folder / "log").read_text()


class Submissiond(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.stop)

    def send(self, before=None, with_key=True):
        """A test mail of a person who signed in, through Dovecot: did it go, the stages, Dovecot's log, the sink's mail."""
        lab = self.lab
        authority = lab.certificate("mail-authority")
        certificate = Certificate(lab.folder, "mail-server", authority, names=[f"IP:{ADDRESS}"])
        sink = Server(key=str(certificate.key), cert=str(certificate.pem), open=True, starttls=False)
        dovecot = Dovecot(lab.folder, certificate, f"https://sts.windows.net/{lab.tenant}/", sink.port)
        if with_key:
            self.publish_key(dovecot)
        bundle = lab.folder / "roots.pem"
        bundle.write_text(lab.ca.read_text() + authority.pem.read_text())
        cloud = {"name": "lab", "login": lab.login, "graph": lab.graph, "ca_file": bundle}
        cloud |= {"outlook_scope": "https://outlook.office.com", "outlook_app_scope": "https://outlook.office365.com"}
        house = House({**cloud, "smtp": f"{ADDRESS}:{dovecot.port}"})
        try:
            self.sign_in(house)
            if before:
                before()
            ok, stages = house.test_email("bob@else.example", "person")
        finally:
            house.stop()
            log, told = dovecot.stop(), sink.stop()
        return ok, stages, log, [one["mail"] for one in told if "mail" in one]

    def sign_in(self, house):
        lab = self.lab
        lab.change_app(redirect_uris=[house.redirect])
        secret = lab.folder / "secret"
        secret.write_text(lab.secret)
        account = ["--tenant", lab.tenant, "--client", lab.client, "--secret-file", secret, "--cloud", "lab"]
        account += ["--transport", "smtp", "--from", ""]
        house.ask("account", "add", "--name", "person", *account)
        flow = house.ask("account", "authorize", "person", "--no-wait")
        browser = Browser(lab, house.redirect).open(flow["url"])
        browser.press("Sign in", email=lab.user, password=lab.password)
        house.fetch("/authorize?" + urllib.parse.urlencode(browser.answer))
        house.ask("account", "confirm", "person")

    def publish_key(self, dovecot):
        keys = f"{self.lab.authority}/discovery/v2.0/keys"
        with urllib.request.urlopen(keys, context=trusting(self.lab.ca)) as answer:
            (key,) = json.load(answer)["keys"]
        der = self.lab.folder / "signing.der"
        der.write_bytes(base64.b64decode(key["x5c"][0]))
        dovecot.trust(key["kid"], "RS256", openssl("x509", "-inform", "DER", "-in", der, "-noout", "-pubkey"))

    def test_a_good_token_is_taken_and_the_mail_relayed(self):
        ok, stages, log, mails = self.send()
        self.assertTrue(ok, f"{stages}\n{log}")
        self.assertEqual([(one["from"], one["to"]) for one in mails], [(self.lab.user, ["bob@else.example"])])

    def assert_refused(self, reason, **given):
        """By Dovecot, which says why in its log."""
        ok, stages, log, mails = self.send(**given)
        self.assertFalse(ok)
        self.assertIs(stages["mailbox"]["ok"], False, f"{stages}\n{log}")
        self.assertTrue(stages["mailbox"]["cause"] and stages["mailbox"]["fix"], stages["mailbox"])
        self.assertRegex(stages["mailbox"]["code"], "^535", f"{stages}\n{log}")
        self.assertRegex(log, f"oauth2 failed: .*{reason}")
        self.assertEqual(mails, [])

    def test_an_expired_token_is_refused(self):
        def tenants_clock_goes_back():
            self.lab.post("/clock", {"advance_seconds": -3 * 3600})

        self.assert_refused("Token has expired", before=tenants_clock_goes_back)

    def test_a_token_of_another_user_is_refused(self):
        def the_person_is_another_now():
            self.lab.put(f"/users/{self.lab.user}", {"upn": "renamed@contoso.example", "mail": "renamed@contoso.example"})

        self.assert_refused("Username '.*' did not match 'renamed@contoso.example'", before=the_person_is_another_now)

    def test_a_token_that_dovecot_can_not_verify_is_refused(self):
        self.assert_refused("RS256 key '.*' not found", with_key=False)


if __name__ == "__main__":
    unittest.main()
