"""A door behind Debian's haproxy, which names the client by PROXY protocol: version 2 is believed from the address that was
named, and nothing else is.
"""

import smtplib
import socket
import ssl
import subprocess
import time
import unittest

from gate import HOST, PROXY, Arrivals, Gate, free_ports
from lab import Lab

# Addresses of loopback that devices call from; one of them is a submitter's.
KNOWN, UNKNOWN = "127.0.0.7", "127.0.0.8"


class Haproxy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.gate = Gate(cls.lab)
        cls.gate.run("submitter", "add", "--name", "printer", "--network", KNOWN)
        cls.recipient = cls.lab.get("/world")["users"][1]["upn"]
        behind, plain = cls.gate.behind_proxy, cls.gate.plain
        # The check of the first is a LOCAL header; the server is taken out of service when it is refused.
        servers = {
            "named": f"127.0.0.1:{behind} source {PROXY} send-proxy-v2 proxy-v2-options unique-id,crc32c check inter 100ms",
            "unnamed": f"127.0.0.1:{behind} source 127.0.0.3 send-proxy-v2",
            "version_1": f"127.0.0.1:{behind} source {PROXY} send-proxy",
            "not_behind_it": f"127.0.0.1:{plain} source {PROXY} send-proxy-v2",
        }
        cls.ports = dict(zip(servers, free_ports(len(servers))))
        config = cls.lab.folder / "haproxy.cfg"
        config.write_text(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
            " unique-id-format %ci-%cp\n"
            + "".join(f"listen {n}\n bind 127.0.0.1:{cls.ports[n]}\n server s {s}\n" for n, s in servers.items())
        )
        cls.log = (cls.lab.folder / "haproxy.log").open("w")
        cls.haproxy = subprocess.Popen(["haproxy", "-db", "-f", config], stdout=cls.log, stderr=cls.log)
        wait_for(cls.ports["named"])

    @classmethod
    def tearDownClass(cls):
        cls.haproxy.terminate()
        cls.haproxy.wait(timeout=30)
        cls.log.close()
        cls.gate.stop()
        cls.lab.stop()

    def session(self, name, client):
        trust = ssl.create_default_context(cafile=str(self.gate.ca))
        given = {"timeout": 30, "source_address": (client, 0), "context": trust}
        return smtplib.SMTP_SSL(HOST, self.ports[name], **given)

    def message(self, subject):
        return f"From: {self.lab.user}\r\nTo: {self.recipient}\r\nSubject: {subject}\r\n\r\ntext\r\n"

    def test_a_device_is_known_by_its_own_address_and_not_by_the_proxys(self):
        arrivals = Arrivals(self.lab, self.recipient)
        with self.session("named", KNOWN) as session:
            self.assertIn(f"greets {KNOWN}".encode(), session.ehlo("printer")[1])
            session.sendmail(self.lab.user, [self.recipient], self.message("by network"))
        arrivals.wait()
        with self.session("named", UNKNOWN) as session:
            with self.assertRaises(smtplib.SMTPSenderRefused) as refused:
                session.sendmail(self.lab.user, [self.recipient], self.message("relay"))
            self.assertEqual(refused.exception.smtp_code, 530)
            session.login(self.gate.user, self.gate.password)
            session.sendmail(self.lab.user, [self.recipient], self.message("by password"))
        arrivals.wait()

    def test_a_proxy_that_was_not_named_brings_nobody(self):
        with self.assertRaises((ssl.SSLError, OSError)):
            self.session("unnamed", KNOWN)

    def test_version_1_is_no_header_and_the_administrator_is_told(self):
        with self.assertRaises((ssl.SSLError, OSError)):
            self.session("version_1", KNOWN)
        self.assertIn("let it send PROXY protocol version 2", (self.gate.folder / "log").read_text())

    def test_a_door_without_a_proxy_refuses_the_header_before_anything_else(self):
        with socket.create_connection(("127.0.0.1", self.ports["not_behind_it"]), timeout=30) as connection:
            said = b"".join(iter(lambda: connection.recv(4096), b""))
        self.assertIn(b"554 5.7.0 Your address may not speak for others (PROXY)\r\n", said)


def wait_for(port, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("haproxy doesn't listen")


if __name__ == "__main__":
    unittest.main()
