"""Our SMTP client against npm's smtp-server, which takes XOAUTH2 only and verifies the tokens itself."""

import json
import os
import pathlib
import subprocess
import unittest
import urllib.request

from house import House
from lab import Certificate, Lab, trusting

OTHER = "somebody@else.example"


class Server:
    """One server with its own rules, and what it has told."""

    script = "smtp-server.mjs"

    def __init__(self, **rules):
        script = pathlib.Path(os.environ["PEERS_NODE"]) / self.script
        command = ["node", script, json.dumps(rules)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def stop(self):
        """Ends it; all that it has told."""
        self.process.terminate()
        told, _ = self.process.communicate(timeout=10)
        return [json.loads(line) for line in told.splitlines()]


class SmtpServer(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.stop)
        self.server = self.house = None

    def send(self, to="bob@else.example", host="localhost", trusted=True, **rules):
        """A test mail through a server with these rules: did it go, the stages, what the server saw."""
        authority = self.lab.certificate("mail-authority")
        certificate = Certificate(self.lab.folder, "mail-server", authority, names=["localhost"])
        roots = [self.lab.ca, authority.pem] if trusted else [self.lab.ca]
        keys = f"{self.lab.authority}/discovery/v2.0/keys"
        with urllib.request.urlopen(keys, context=trusting(self.lab.ca)) as answer:
            rules = {"jwks": json.load(answer), **rules}
        server = Server(key=str(certificate.key), cert=str(certificate.pem), **rules)
        bundle = self.lab.folder / "roots.pem"
        bundle.write_text("".join(pathlib.Path(root).read_text() for root in roots))
        cloud = {"name": "lab", "login": self.lab.login, "graph": self.lab.graph, "ca_file": bundle}
        cloud |= {"outlook_scope": "https://outlook.office.com", "smtp": f"{host}:{server.port}"}
        house = House({**cloud, "outlook_app_scope": "https://outlook.office365.com"})
        try:
            self.lab.change_app(certificates=[house.certificate("gate")])
            account = ["--tenant", self.lab.tenant, "--client", self.lab.client, "--certificate", "gate"]
            account += ["--cloud", "lab", "--sign-in", "application", "--transport", "smtp", "--from", self.lab.user]
            house.ask("account", "add", "--name", "app", *account)
            ok, stages = house.test_email(to, "app")
        finally:
            house.stop()
            told = server.stop()
        return ok, stages, told

    def test_a_good_token_is_taken_and_the_mail_goes(self):
        ok, stages, told = self.send()
        self.assertTrue(ok, stages)
        self.assertEqual(told[0], {"auth": self.lab.user, "fault": None, "secure": True})
        mails = [one["mail"] for one in told if "mail" in one]
        self.assertEqual([(one["from"], one["to"]) for one in mails], [(self.lab.user, ["bob@else.example"])])

    def assert_refused(self, fault, **rules):
        ok, stages, told = self.send(**rules)
        self.assertFalse(ok)
        self.assertEqual([stage["name"] for stage in stages.values() if stage["ok"] is False][0], "mailbox", stages)
        self.assertTrue(stages["mailbox"]["cause"] and stages["mailbox"]["fix"], stages["mailbox"])
        self.assertEqual({one["fault"] for one in told if "auth" in one}, {fault}, told)
        self.assertFalse([one for one in told if "mail" in one])

    def test_an_expired_token_is_refused_with_json_in_a_334(self):
        self.assert_refused("expired", secondsAhead=2 * 86400)

    def test_a_token_of_another_user_is_refused(self):
        self.assert_refused("other user", onlyUser=OTHER)

    def test_a_token_that_nobody_can_verify_is_refused(self):
        self.assert_refused("unknown key", jwks={"keys": []})

    def test_a_recipient_that_is_refused_fails_the_message_and_nothing_else(self):
        ok, stages, told = self.send(to="nobody@else.example")
        self.assertFalse(ok)
        self.assertTrue(stages["mailbox"]["ok"])
        self.assertIn("550", json.dumps(stages["message"]))
        self.assertFalse([one for one in told if "mail" in one])

    def assert_nothing_said(self, **given):
        ok, stages, told = self.send(**given)
        self.assertFalse(ok)
        self.assertFalse(stages["mailbox"]["ok"], stages)
        self.assertEqual([one for one in told if "auth" in one or "mail" in one], [], "no token before TLS")
        return stages["mailbox"]

    def test_without_starttls_no_token_is_said(self):
        self.assert_nothing_said(starttls=False)

    def test_to_a_server_that_nobody_vouches_for_no_token_is_said(self):
        self.assert_nothing_said(trusted=False)

    def test_to_a_server_with_another_name_no_token_is_said(self):
        self.assert_nothing_said(host="127.0.0.1")


if __name__ == "__main__":
    unittest.main()
