"""Postern's doors for devices, judged by clients that others wrote: each hands mail in, and it arrives in the mailbox of
the simulated tenant as it was sent.
"""

import base64
import json
import os
import pathlib
import smtplib
import ssl
import subprocess
import tempfile
import unittest
from email.message import EmailMessage

from gate import HOST, Arrivals, Gate, clean_environment
from lab import Lab
from postfix import Postfix

BODY = "Line one\n.\n..two dots\n.three\nlast line\n"
SWAKS_BODY = BODY + "\n"  # it ends what it sends with an empty line


class Submission(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.gate = Gate(cls.lab)
        cls.sender = cls.lab.user
        cls.recipient = cls.lab.get("/world")["users"][1]["upn"]

    @classmethod
    def tearDownClass(cls):
        cls.gate.stop()
        cls.lab.stop()

    def setUp(self):
        self.arrivals = Arrivals(self.lab, self.recipient)

    def compose(self, subject):
        return f"From: {self.sender}\nTo: {self.recipient}\nSubject: {subject}\n\n{BODY}"

    def execute(self, *command, typed=None):
        given = {"capture_output": True, "text": True, "timeout": 60, "env": clean_environment()}
        done = subprocess.run([str(part) for part in command], input=typed, **given)
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}")
        return done.stdout

    def assert_arrived(self, subject, body=BODY):
        message = self.arrivals.wait()[0]
        mime = base64.b64decode(message["mime"])
        header, _, content = mime.partition(b"\r\n\r\n")
        self.assertIn(f"Subject: {subject}".encode(), header)
        self.assertEqual(content, body.replace("\n", "\r\n").encode())
        return message, header.decode()

    # Each client, through each kind of door.

    def swaks(self, subject, *more):
        to = ["--server", "127.0.0.1", "--from", self.sender, "--to", self.recipient, "--ehlo", "device.example"]
        login = ["--auth-user", self.gate.user, "--auth-password", self.gate.password]
        with tempfile.NamedTemporaryFile("w", suffix=".eml") as file:
            file.write(self.compose(subject))
            file.flush()
            return self.execute("swaks", *to, *login, "--data", f"@{file.name}", *more)

    def test_swaks_by_starttls_with_plain(self):
        said = self.swaks("swaks plain", "--port", self.gate.starttls, "--tls", "--auth", "PLAIN")
        self.assertIn("250-PIPELINING", said)
        _, header = self.assert_arrived("swaks plain", SWAKS_BODY)
        self.assertIn("with ESMTPSA", header)

    def test_swaks_by_implicit_tls_with_login(self):
        self.swaks("swaks login", "--port", self.gate.implicit, "--tls-on-connect", "--auth", "LOGIN")
        self.assert_arrived("swaks login", SWAKS_BODY)

    def test_swaks_in_the_clear_on_loopback_in_one_packet(self):
        self.swaks("swaks pipe", "--port", self.gate.plain, "--auth", "PLAIN", "--pipeline")
        self.assert_arrived("swaks pipe", SWAKS_BODY)

    def curl(self, url, subject, *more):
        envelope = ["--mail-from", self.sender, "--mail-rcpt", self.recipient]
        login = ["--user", f"{self.gate.user}:{self.gate.password}", "--cacert", self.gate.ca]
        # curl wants lines as they go on the wire.
        typed = self.compose(subject).replace("\n", "\r\n")
        given = {"capture_output": True, "timeout": 60, "env": clean_environment()}
        command = ["curl", "--silent", "--show-error", *envelope, *login, *more, "--upload-file", "-", url]
        done = subprocess.run([str(part) for part in command], input=typed.encode(), **given)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_curl_by_starttls_and_implicit_tls(self):
        self.curl(f"smtp://{HOST}:{self.gate.starttls}", "curl starttls", "--ssl-reqd")
        self.assert_arrived("curl starttls")
        self.curl(f"smtps://{HOST}:{self.gate.implicit}", "curl implicit")
        self.assert_arrived("curl implicit")

    def test_msmtp_by_starttls_and_implicit_tls(self):
        for port, starttls in ((self.gate.starttls, "on"), (self.gate.implicit, "off")):
            config = self.lab.folder / "msmtprc"
            config.write_text(
                f"account default\nhost {HOST}\nport {port}\ntls on\ntls_starttls {starttls}\n"
                f"tls_trust_file {self.gate.ca}\nauth plain\nuser {self.gate.user}\n"
                f"password {self.gate.password}\nfrom {self.sender}\n"
            )
            config.chmod(0o600)
            subject = f"msmtp {starttls}"
            self.execute("msmtp", f"--file={config}", self.recipient, typed=self.compose(subject))
            self.assert_arrived(subject)

    def session(self):
        session = smtplib.SMTP(HOST, self.gate.starttls, timeout=30)
        session.starttls(context=ssl.create_default_context(cafile=str(self.gate.ca)))
        session.login(self.gate.user, self.gate.password)
        return session

    def test_smtplib_sends_several_on_one_connection(self):
        with self.session() as session:
            for number in range(3):
                session.sendmail(self.sender, [self.recipient], self.compose(f"smtplib {number}"))
                session.rset()
        subjects = [base64.b64decode(one["mime"]) for one in self.arrivals.wait(3)]
        for number in range(3):
            self.assertEqual(sum(f"Subject: smtplib {number}\r\n".encode() in mime for mime in subjects), 1)

    def test_smtplib_sends_eight_bits_and_hears_why_it_is_refused(self):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, self.recipient, "eight bits"
        message.set_content("Grüße\n", cte="8bit")
        with self.session() as session:
            session.send_message(message)
            self.assert_arrived("eight bits", "Grüße\n")
            code, _ = session.docmd("MAIL", f"FROM:<{self.sender}> SIZE=9999999999")
            self.assertEqual(code, 552)
        with smtplib.SMTP(HOST, self.gate.starttls, timeout=30) as session:
            session.starttls(context=ssl.create_default_context(cafile=str(self.gate.ca)))
            with self.assertRaises(smtplib.SMTPAuthenticationError) as refused:
                session.login(self.gate.user, "wrong")
            self.assertEqual(refused.exception.smtp_code, 535)
            with self.assertRaises(smtplib.SMTPSenderRefused) as refused:
                session.sendmail(self.sender, [self.recipient], self.compose("relay"))
            self.assertEqual(refused.exception.smtp_code, 530)

    def test_nodemailer(self):
        given = {
            "host": HOST, "starttls": self.gate.starttls, "implicit": self.gate.implicit, "user": self.gate.user,
            "password": self.gate.password, "from": self.sender, "to": self.recipient,
        }
        env = {**clean_environment(), "PEERS_GATE": json.dumps(given), "NODE_EXTRA_CA_CERTS": str(self.gate.ca)}
        file = pathlib.Path(os.environ["PEERS_NODE"]) / "nodemailer.mjs"
        done = subprocess.run(["node", file], capture_output=True, text=True, env=env, timeout=60)
        self.assertEqual(done.returncode, 0, f"{done.stdout}\n{done.stderr}")
        mimes = b"".join(base64.b64decode(one["mime"]) for one in self.arrivals.wait(2))
        self.assertIn(b"Subject: nodemailer starttls", mimes)
        self.assertIn(b"Subject: nodemailer implicit", mimes)

    def test_a_postfix_relays_through_us_over_verified_tls(self):
        with Postfix(self.lab.folder / "postfix", relay_through(self.gate)) as postfix:
            postfix.sendmail(self.sender, self.recipient, self.compose("from Postfix"))
            _, header = self.assert_arrived("from Postfix")
        # The envelope's Received of Postfix stays, ours is on top of it.
        received = [line for line in header.split("\r\n") if line.startswith("Received:")]
        self.assertGreaterEqual(len(received), 2)
        self.assertIn("Verified TLS connection established", postfix.log())

    def test_smtp_source_from_a_known_network(self):
        self.gate.run("submitter", "add", "--name", "loopback", "--network", "127.0.0.1")
        self.addCleanup(self.gate.run, "submitter", "remove", "loopback", "--yes")
        envelope = ["-f", self.sender, "-t", self.recipient]
        self.execute("smtp-source", "-s", 5, "-m", 40, "-l", 10240, *envelope, f"127.0.0.1:{self.gate.plain}")
        self.arrivals.wait(40, seconds=120)

    def test_tls_of_today_only(self):
        for door in ((self.gate.starttls, ["-starttls", "smtp"]), (self.gate.implicit, [])):
            for version, works in (("-tls1_3", True), ("-tls1_2", True), ("-tls1_1", False), ("-tls1", False)):
                port, more = door
                verified = ["-CAfile", self.gate.ca, "-verify_return_error", "-verify_hostname", HOST]
                weak = [] if works else ["-cipher", "ALL:@SECLEVEL=0"]
                command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *more, version, *verified, *weak]
                given = {"input": "QUIT\r\n", "capture_output": True, "text": True, "timeout": 60}
                done = subprocess.run([str(part) for part in command], **given)
                self.assertEqual(done.returncode == 0, works, f"{command}\n{done.stdout}\n{done.stderr}")


def relay_through(gate):
    """What makes a Postfix hand everything to this gate."""
    return {
        "relayhost": f"[{HOST}]:{gate.starttls}",
        "smtp_tls_security_level": "secure",
        "smtp_tls_CAfile": str(gate.ca),
        "smtp_tls_loglevel": "1",
        "smtp_sasl_auth_enable": "yes",
        "smtp_sasl_password_maps": f"inline:{{ {{[{HOST}]:{gate.starttls} = {gate.user}:{gate.password}}} }}",
        "smtp_sasl_security_options": "noanonymous",
        "smtp_host_lookup": "native",
    }


if __name__ == "__main__":
    unittest.main()
