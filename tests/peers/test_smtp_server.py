"""Our SMTP client against npm's smtp-server, which takes XOAUTH2 only and verifies the tokens itself."""

import json
import os
import pathlib
import subprocess
import threading
import unittest
import urllib.request

from house import House
from lab import Certificate, Lab, trusting

OTHER = "somebody@else.example"
NOBODY = "nobody@else.example"


class Server:
    """One server with its own rules, and what it has told."""

    script = "smtp-server.mjs"

    def __init__(self, **rules):
        script = pathlib.Path(os.environ["PEERS_NODE"]) / self.script
        command = ["node", script, json.dumps(rules)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.told = []
        self.port = self._hear()["port"]

    def _hear(self, seconds=60):
        """The next event; who says nothing for so long is ended, which is an error here."""
        alarm = threading.Timer(seconds, self.process.kill)
        alarm.start()
        try:
            line = self.process.stdout.readline()
        finally:
            alarm.cancel()
        if not line:
            raise AssertionError(f"the server told nothing more than {self.told}")
        return json.loads(line)

    def wait_for_mails(self, count):
        """Until so many messages were taken."""
        while sum("mail" in one for one in self.told) < count:
            self.told.append(self._hear())

    def stop(self):
        """Ends it; all that it has told."""
        self.process.terminate()
        with self.process.stdout as rest:
            self.told += [json.loads(line) for line in rest]
        self.process.wait(timeout=10)
        return self.told


class SmtpServer(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.stop)

    def meet(self, act, host="localhost", trusted=True, **rules):
        """What `act` gets from a Postern in front of a server with these rules, and what the server saw."""
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
            self.add_account(house)
            got = act(house, server)
        finally:
            house.stop()
            told = server.stop()
        return got, told

    def add_account(self, house):
        self.lab.change_app(certificates=[house.certificate("gate")])
        account = ["--tenant", self.lab.tenant, "--client", self.lab.client, "--certificate", "gate"]
        account += ["--cloud", "lab", "--sign-in", "application", "--transport", "smtp", "--from", self.lab.user]
        house.ask("account", "add", "--name", "app", *account)

    def send(self, to="bob@else.example", **given):
        """A test mail through a server with these rules: did it go, the stages, what the server saw."""
        (ok, stages), told = self.meet(lambda house, _: house.test_email(to, "app"), **given)
        return ok, stages, told

    def test_a_good_token_is_taken_and_the_mail_goes(self):
        ok, stages, told = self.send()
        self.assertTrue(ok, stages)
        self.assertEqual((told[0]["auth"], told[0]["fault"], told[0]["secure"]), (self.lab.user, None, True))
        mails = [one["mail"] for one in told if "mail" in one]
        self.assertEqual([(one["from"], one["to"]) for one in mails], [(self.lab.user, ["bob@else.example"])])

    def test_a_token_that_is_longer_than_a_command_may_be_has_a_line_of_its_own(self):
        ok, stages, told = self.send(commandOctets=512)
        self.assertTrue(ok, f"{stages}\n{told}")
        self.assertGreater(told[0]["tokenOctets"], 1000, "it would not have fitted into the command")
        self.assertEqual([one for one in told if "tooLong" in one], [])

    def assert_refused(self, fault, **rules):
        """By the JSON in a 334, which only an empty line turns into a 535."""
        ok, stages, told = self.send(**rules)
        self.assertFalse(ok)
        self.assertEqual([stage["name"] for stage in stages.values() if stage["ok"] is False][0], "mailbox", stages)
        mailbox = stages["mailbox"]
        self.assertTrue(mailbox["cause"] and mailbox["fix"], mailbox)
        self.assertRegex(mailbox["code"], "^535", mailbox)
        self.assertIn('"status":"401"', mailbox["detail"])
        self.assertEqual({one["fault"] for one in told if "auth" in one}, {fault}, told)
        self.assertFalse([one for one in told if "mail" in one])

    def test_an_expired_token_is_refused_with_json_in_a_334(self):
        self.assert_refused("expired", secondsAhead=2 * 86400)

    def test_a_token_of_another_user_is_refused(self):
        self.assert_refused("other user", onlyUser=OTHER)

    def test_a_token_that_nobody_can_verify_is_refused(self):
        self.assert_refused("unknown key", jwks={"keys": []})

    def test_a_token_that_is_garbage_is_refused(self):
        token = {"token_type": "Bearer", "expires_in": 3600, "access_token": "garbage"}
        self.lab.switch(entra_says={"status": 200, "body": token})
        self.assert_refused("not a JWT")

    def test_a_recipient_that_is_refused_fails_the_message_and_nothing_else(self):
        ok, stages, told = self.send(to=NOBODY)
        self.assertFalse(ok)
        self.assertTrue(stages["mailbox"]["ok"])
        self.assertIn("550", json.dumps(stages["message"]))
        self.assertFalse([one for one in told if "mail" in one])

    def test_of_two_recipients_the_one_that_is_taken_gets_the_mail_and_the_sender_is_told_of_the_other(self):
        bob = "bob@else.example"

        def send_to_both(house, server):
            house.ask("account", "authorize", "app")
            to = ["--to", bob, "--to", NOBODY]
            accepted = house.ask("send", *to, "--subject", "two", "--text", "hello", "--account", "app")
            # The report is accepted in the commit that settles the message.
            server.wait_for_mails(2)
            return house.ask("queue", "show", accepted["id"])

        story, told = self.meet(send_to_both)
        recipients = {one["address"]: one for one in story["recipients"]}
        self.assertEqual({name: one["state"] for name, one in recipients.items()}, {bob: "sent", NOBODY: "failed"})
        self.assertIn("550", json.dumps(recipients[NOBODY]))
        self.assertNotIn("550", json.dumps(recipients[bob]))
        mails = [one["mail"]["to"] for one in told if "mail" in one]
        self.assertEqual(mails, [[bob], [self.lab.user]], "the mail, and the report")

    def assert_nothing_said(self, code, **given):
        ok, stages, told = self.send(**given)
        self.assertFalse(ok)
        self.assertFalse(stages["mailbox"]["ok"], stages)
        self.assertEqual(stages["mailbox"]["code"], code, stages["mailbox"])
        self.assertEqual([one for one in told if "auth" in one or "mail" in one], [], "no token before TLS")
        return stages["mailbox"]["detail"]

    def test_without_starttls_no_token_is_said(self):
        self.assert_nothing_said("starttls_not_offered", starttls=False)

    def test_to_a_server_that_nobody_vouches_for_no_token_is_said(self):
        self.assertIn("UnknownIssuer", self.assert_nothing_said("tls", trusted=False))

    def test_to_a_server_with_another_name_no_token_is_said(self):
        self.assertIn("not valid for name", self.assert_nothing_said("tls", host="127.0.0.1"))


if __name__ == "__main__":
    unittest.main()
