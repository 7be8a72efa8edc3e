"""The simulator against Microsoft's msgraph-sdk for Python, unchanged."""

import asyncio
import re
import unittest

import httpx
from azure.identity import ClientSecretCredential
from azure.core.credentials import AccessToken
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from lab import OWN_NAMES, Browser, Lab
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.graph_request_adapter import options
from msgraph.generated.models.attachment_item import AttachmentItem
from msgraph.generated.models.attachment_type import AttachmentType
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.file_attachment import FileAttachment
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.message import Message
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.recipient import Recipient
from msgraph.generated.users.item.messages.item.attachments.create_upload_session.create_upload_session_post_request_body import (
    CreateUploadSessionPostRequestBody,
)
from msgraph.generated.users.item.messages.messages_request_builder import MessagesRequestBuilder
from msgraph.generated.users.item.send_mail.send_mail_post_request_body import SendMailPostRequestBody
from msgraph_core import GraphClientFactory

GRAPH = "https://graph.microsoft.com/.default"
REDIRECT = "https://localhost:4443/authorize"


class Signed:
    """A person's token, as a credential."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *_scopes, **_more):
        return AccessToken(self.token, 4_000_000_000)


class MsGraph(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        application = [*cls.lab.app["application"], "Mail.ReadWrite", "User.Read.All"]
        cls.lab.change_app(application=application)

    @classmethod
    def tearDownClass(cls):
        cls.lab.stop()

    def setUp(self):
        self.lab.all_switches_back()

    def client(self, credential=None):
        given = {"authority": self.lab.login, "connection_verify": str(self.lab.ca)}
        given["disable_instance_discovery"] = not OWN_NAMES
        secret = credential or ClientSecretCredential(self.lab.tenant, self.lab.client, self.lab.secret, **given)
        host = re.sub(r"^https://", "", self.lab.graph)
        hosts = [host.split(":")[0]] if not OWN_NAMES else None
        provider = AzureIdentityAuthenticationProvider(secret, scopes=[GRAPH], allowed_hosts=hosts or [])
        http = GraphClientFactory.create_with_default_middleware(client=httpx.AsyncClient(verify=str(self.lab.ca)), options=options)
        adapter = GraphRequestAdapter(provider, client=http)
        adapter.base_url = f"{self.lab.graph}/v1.0/"
        return GraphServiceClient(request_adapter=adapter)

    def message(self, subject, to="bob@else.example"):
        address = Recipient(email_address=EmailAddress(address=to))
        body = ItemBody(content_type=BodyType.Text, content="hello")
        return Message(subject=subject, body=body, to_recipients=[address])

    def arrived(self, address, subject):
        import base64
        import email

        found = [email.message_from_bytes(base64.b64decode(one["mime"])) for one in self.lab.mail(address)]
        return [one for one in found if one["subject"] == subject]

    def test_send_mail(self):
        async def send():
            body = SendMailPostRequestBody(message=self.message("by sdk"), save_to_sent_items=False)
            await self.client().users.by_user_id(self.lab.user).send_mail.post(body)

        asyncio.run(send())
        self.assertEqual(len(self.arrived("bob@else.example", "by sdk")), 1)

    def test_draft_with_a_small_and_a_large_attachment(self):
        content = bytes(range(256)) * 20_000

        async def send():
            messages = self.client().users.by_user_id(self.lab.user).messages
            draft = await messages.post(self.message("by draft"))
            self.assertTrue(draft.is_draft)
            here = messages.by_message_id(draft.id)
            small = FileAttachment(
                odata_type="#microsoft.graph.fileAttachment", name="a.txt", content_bytes=b"inside", content_type="text/plain"
            )
            added = await here.attachments.post(small)
            self.assertEqual(added.size, 6)
            item = AttachmentItem(attachment_type=AttachmentType.File, name="big.bin", size=len(content))
            body = CreateUploadSessionPostRequestBody(attachment_item=item)
            session = await here.attachments.create_upload_session.post(body)
            await self.put_ranges(session.upload_url, content)
            await here.send.post()

        asyncio.run(send())
        (mail,) = self.arrived("bob@else.example", "by draft")
        files = {part.get_filename(): part.get_payload(decode=True) for part in mail.walk() if part.get_filename()}
        self.assertEqual(files, {"a.txt": b"inside", "big.bin": content})

    async def put_ranges(self, url, content, size=3_276_800):
        # By hand: the SDK's own LargeFileUploadTask can't read the ranges of Outlook's answers
        # (microsoftgraph/msgraph-sdk-python-core, issue 691).
        async with httpx.AsyncClient(verify=str(self.lab.ca)) as http:
            for first in range(0, len(content), size):
                part = content[first : first + size]
                headers = {"content-range": f"bytes {first}-{first + len(part) - 1}/{len(content)}"}
                answer = await http.put(url, content=part, headers=headers)
                last = first + size >= len(content)
                self.assertEqual(answer.status_code, 201 if last else 200, answer.text)

    def test_who_am_i_and_my_licences(self):
        import msal

        surroundings = {"verify": str(self.lab.ca), "instance_discovery": None if OWN_NAMES else False}
        app = msal.ConfidentialClientApplication(
            self.lab.client, self.lab.secret, authority=self.lab.authority, **surroundings
        )
        flow = app.initiate_auth_code_flow(["User.Read"], redirect_uri=REDIRECT)
        browser = Browser(self.lab, REDIRECT).open(flow["auth_uri"])
        browser.press("Sign in", email=self.lab.user, password=self.lab.password)
        token = app.acquire_token_by_auth_code_flow(flow, browser.answer)["access_token"]

        async def ask():
            client = self.client(Signed(token))
            me = await client.me.get()
            licences = await client.me.license_details.get()
            return me, licences.value

        me, licences = asyncio.run(ask())
        self.assertEqual((me.user_principal_name, me.mail), (self.lab.user, self.lab.user))
        plans = [plan.service_plan_name for one in licences for plan in one.service_plans]
        self.assertIn("EXCHANGE_S_STANDARD", plans)

    def test_sent_mail_is_found_by_its_id(self):
        async def ask():
            client = self.client().users.by_user_id(self.lab.user)
            await client.send_mail.post(SendMailPostRequestBody(message=self.message("find me"), save_to_sent_items=True))
            query = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(filter="subject eq 'find me'")
            found = await client.messages.get(RequestConfiguration(query_parameters=query))
            self.assertEqual(len(found.value), 1, self.lab.get("/requests")[-3:])
            one = found.value[0]
            query.filter = f"internetMessageId eq '{one.internet_message_id}'"
            return await client.messages.get(RequestConfiguration(query_parameters=query))

        self.assertEqual([one.subject for one in asyncio.run(ask()).value], ["find me"])

    def test_errors_carry_their_codes(self):
        async def send(to):
            body = SendMailPostRequestBody(message=self.message("never", to))
            await self.client().users.by_user_id(self.lab.user).send_mail.post(body)

        for to, code in (("permerror@else.example", "ErrorInvalidRecipients"), ("507@else.example", "ErrorQuotaExceeded")):
            with self.assertRaises(ODataError) as caught:
                asyncio.run(send(to))
            self.assertEqual(caught.exception.error.code, code)

    def test_a_throttled_call_is_tried_again_as_retry_after_says(self):
        async def send():
            body = SendMailPostRequestBody(message=self.message("twice", "once.429@else.example"))
            await self.client().users.by_user_id(self.lab.user).send_mail.post(body)

        asyncio.run(send())
        self.assertEqual(len(self.arrived("once.429@else.example", "twice")), 1)


if __name__ == "__main__":
    unittest.main()
