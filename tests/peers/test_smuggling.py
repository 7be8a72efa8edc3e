"""The false ends of data with which SMTP smuggling works (the disclosure of 2023), each sent byte by byte to Postern and
followed by a second message: what arrives must never be two.
"""

import base64
import socket
import unittest

from gate import Arrivals, Gate
from lab import Lab

# Only CR LF . CR LF ends a message; none of these does.
FALSE_ENDS = {
    "LF.LF": b"\n.\n", "LF.CRLF": b"\n.\r\n", "CRLF.LF": b"\r\n.\n", "LF.CRCRLF": b"\n.\r\r\n",
    "CR.CR": b"\r.\r", "CR.CRLF": b"\r.\r\n", "CR.LF": b"\r.\n", "CRLF.CR": b"\r\n.\r",
    "CRLF.CRCRLF": b"\r\n.\r\r\n", "CRCRLF.CRCRLF": b"\r\r\n.\r\r\n", "CRCRLF.CRLF": b"\r\r\n.\r\n",
    "CRLF NUL . CRLF": b"\r\n\0.\r\n", "CRLF . NUL CRLF": b"\r\n.\0\r\n",
}


class Smuggling(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.gate = Gate(cls.lab)
        cls.gate.run("submitter", "add", "--name", "loopback", "--network", "127.0.0.1")
        cls.recipient = cls.lab.get("/world")["users"][1]["upn"]

    @classmethod
    def tearDownClass(cls):
        cls.gate.stop()
        cls.lab.stop()

    def envelope(self, sender):
        return f"MAIL FROM:<{sender}>\r\nRCPT TO:<{self.recipient}>\r\n".encode()

    def message(self, sender, subject):
        return f"From: {sender}\r\nTo: {self.recipient}\r\nSubject: {subject}\r\n\r\ntext".encode()

    def converse(self, *packets):
        """Sends each packet when the one before was answered, the last also when it was not; all that was said."""
        said = b""
        with socket.create_connection(("127.0.0.1", self.gate.plain), timeout=30) as connection:
            for packet in packets:
                said += connection.recv(65536)
                connection.sendall(packet)
            while more := receive(connection):
                said += more
        return said.decode()

    def test_no_false_end_makes_two_messages_of_one(self):
        arrivals = Arrivals(self.lab, self.recipient)
        for name, end in FALSE_ENDS.items():
            with self.subTest(name):
                second = self.envelope(self.lab.user) + b"DATA\r\n" + self.message(self.lab.user, "smuggled")
                attack = self.message(self.lab.user, "cover") + end + second + b"\r\n.\r\nQUIT\r\n"
                start = b"HELO eve\r\n" + self.envelope(self.lab.user) + b"DATA\r\n"
                said = self.converse(start, attack)
                # 220, 250 x 3, 354, then one refusal and nothing else.
                last = said.strip().split("\r\n")[-1]
                self.assertTrue(last.startswith("550 5."), said)
                self.assertEqual(said.count("354"), 1, said)
        self.send_the_one_that_arrives()
        self.assertEqual([one for one in arrivals.wait() if b"smuggled" in mime(one)], [])

    def test_a_line_of_dot_and_space_is_a_line(self):
        arrivals = Arrivals(self.lab, self.recipient)
        second = self.envelope(self.lab.user) + b"DATA\r\n" + self.message(self.lab.user, "smuggled")
        text = self.message(self.lab.user, "cover") + b"\r\n. \r\n" + second + b"\r\n.\r\nQUIT\r\n"
        self.converse(b"HELO eve\r\n" + self.envelope(self.lab.user) + b"DATA\r\n", text)
        self.assertEqual(len(arrivals.wait()), 1)

    def test_chunks_hold_no_bare_line_ends_either(self):
        for name, end in FALSE_ENDS.items():
            with self.subTest(name):
                text = self.message(self.lab.user, "chunk") + end + b"more\r\n"
                chunk = f"BDAT {len(text)} LAST\r\n".encode() + text + b"QUIT\r\n"
                said = self.converse(b"HELO eve\r\n" + self.envelope(self.lab.user) + chunk)
                self.assertIn("\r\n550 5.", said)
                self.assertTrue(said.strip().split("\r\n")[-1].startswith("221"), said)

    def test_what_is_sent_along_with_starttls_is_not_heard(self):
        with socket.create_connection(("127.0.0.1", self.gate.starttls), timeout=30) as connection:
            connection.recv(65536)
            connection.sendall(b"EHLO eve\r\n")
            connection.recv(65536)
            connection.sendall(b"STARTTLS\r\n" + self.envelope(self.lab.user))
            self.assertRegex(connection.recv(65536), rb"^220 [^\n]*\n$")

    def send_the_one_that_arrives(self):
        start = b"HELO ann\r\n" + self.envelope(self.lab.user) + b"DATA\r\n"
        said = self.converse(start, self.message(self.lab.user, "honest") + b"\r\n.\r\nQUIT\r\n")
        self.assertIn("250 2.0.0 Accepted", said)


def receive(connection):
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def mime(message):
    return base64.b64decode(message["mime"])


if __name__ == "__main__":
    unittest.main()
