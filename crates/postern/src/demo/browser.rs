//! The person of the tour: opens an address, fills in the simulated sign-in and consent pages, and ends where the
//! redirects lead. Knows plain forms only, as the simulator's pages are.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use http::header;
use reqwest::{Client, RequestBuilder, redirect};
use url::Url;

use super::Visitor;

/// Sign-in, second factor, consent and the redirects between; more than this is a circle.
const MOST_PAGES: usize = 16;
const LIMIT: Duration = Duration::from_secs(30);

/// A browser window with nobody signed in yet.
pub(crate) struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
}

/// The page a sign-in ended at.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) address: Url,
    pub(crate) text: String,
}

/// The first form of a page, with what it would send.
#[derive(Debug, PartialEq)]
struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

impl Browser {
    /// # Errors
    /// What shall be trusted isn't PEM.
    pub(crate) fn new(trusted_pem: &str) -> anyhow::Result<Self> {
        let trusted = reqwest::Certificate::from_pem_bundle(trusted_pem.as_bytes())?;
        let client = Client::builder()
            .tls_certs_only(trusted)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(LIMIT)
            .build()?;
        Ok(Self { client, cookies: BTreeMap::new() })
    }

    /// Opens the address and does what the pages ask for, until a page is reached that asks for nothing.
    ///
    /// # Errors
    /// A page refuses, with its words; the redirects go in a circle.
    pub(crate) async fn sign_in(&mut self, address: &str, visitor: &Visitor) -> anyhow::Result<Page> {
        let mut page = self.open(Url::parse(address)?).await?;
        for _ in 0..MOST_PAGES {
            let Some(form) = read_form(&page.text, visitor) else { return Ok(page) };
            let action = page.address.join(&form.action)?;
            let request = self.client.post(action.clone()).form(&form.fields);
            page = self.send(action, request).await?;
        }
        bail!("the sign-in pages never end")
    }

    async fn open(&mut self, address: Url) -> anyhow::Result<Page> {
        let request = self.client.get(address.clone());
        self.send(address, request).await
    }

    /// Sends, keeps cookies, follows redirects with GET.
    async fn send(&mut self, mut address: Url, mut request: RequestBuilder) -> anyhow::Result<Page> {
        for _ in 0..MOST_PAGES {
            let host = address.host_str().unwrap_or_default();
            let response = request
                .header(header::COOKIE, self.cookies_text())
                .send()
                .await
                .with_context(|| format!("{host} can't be reached"))?;
            self.keep_cookies(response.headers());
            if let Some(next) = response.headers().get(header::LOCATION) {
                address = address.join(next.to_str()?)?;
                request = self.client.get(address.clone());
                continue;
            }
            let status = response.status();
            let text = response.text().await?;
            ensure!(status.is_success(), "{host} answered {status}: {}", words_of(&text));
            return Ok(Page { address, text });
        }
        bail!("the redirects go in a circle")
    }

    /// All pages of a demo are on one host, so one jar does.
    fn keep_cookies(&mut self, headers: &http::HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let Some((name, rest)) = cookie.to_str().ok().and_then(|text| text.split_once('=')) else {
                continue;
            };
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    fn cookies_text(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }
}

/// The first form and what this visitor answers; `None` where there is nothing to answer.
fn read_form(html: &str, visitor: &Visitor) -> Option<Form> {
    let start = html.find("<form")?;
    let end = html[start..].find("</form>").map_or(html.len(), |length| start + length);
    let form = &html[start..end];
    let mut fields: Vec<(String, String)> =
        tags(form, "<input").filter_map(|tag| answer_input(tag, visitor)).collect();
    // The first button is the one that goes on: Sign in, Accept, Approve.
    if let Some(button) = tags(form, "<button").next() {
        fields.extend(attribute(button, "name").zip(attribute(button, "value")));
    }
    Some(Form { action: attribute(form, "action").unwrap_or_default(), fields })
}

fn answer_input(tag: &str, visitor: &Visitor) -> Option<(String, String)> {
    let name = attribute(tag, "name")?;
    let value = match attribute(tag, "type").as_deref() {
        Some("email") => visitor.upn.clone(),
        Some("password") => visitor.password.clone(),
        _ => attribute(tag, "value").unwrap_or_default(),
    };
    Some((name, value))
}

/// The opening tags of this name, each up to its `>`.
fn tags<'a>(html: &'a str, opening: &'a str) -> impl Iterator<Item = &'a str> {
    html.match_indices(opening).map(|(at, _)| {
        let tag = &html[at..];
        &tag[..tag.find('>').unwrap_or(tag.len())]
    })
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = &tag[..tag.find('>').unwrap_or(tag.len())];
    let (_, after) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = after.split_once('"')?;
    Some(html_escape::decode_html_entities(value).into_owned())
}

/// What a page says, without its tags: for an error message.
pub(crate) fn words_of(html: &str) -> String {
    let body = html.split_once("<body").map_or(html, |(_, body)| body);
    let mut words = String::new();
    for piece in body.split('<').skip(1) {
        let text = piece.split_once('>').map_or("", |(_, text)| text);
        words.push_str(&html_escape::decode_html_entities(text));
        words.push(' ');
    }
    let words: Vec<&str> = words.split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor() -> Visitor {
        Visitor { upn: "anna@contoso.example".into(), password: "p&w".into() }
    }

    #[test]
    fn a_form_is_answered_with_the_visitors_name_and_password() {
        let html = "<body><form method=\"post\" action=\"/common/login?a=1&amp;b=2\">\
            <input type=\"hidden\" name=\"ctx\" value=\"x&quot;y\">\
            <input type=\"email\" id=\"email\" name=\"email\" value=\"\"><input type=\"password\" name=\"password\">\
            <button class=\"main\" type=\"submit\">Sign in</button>\
            <button type=\"submit\" name=\"answer\" value=\"cancel\">Cancel</button></form>";
        let fields = [("ctx", "x\"y"), ("email", "anna@contoso.example"), ("password", "p&w")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected = Form { action: "/common/login?a=1&b=2".into(), fields: fields.to_vec() };
        assert_eq!(read_form(html, &visitor()), Some(expected));
    }

    #[test]
    fn consent_is_given_by_the_first_button() {
        let html = "<form action=\"/common/consent\"><button name=\"answer\" value=\"accept\">Accept</button>\
            <button name=\"answer\" value=\"cancel\">Cancel</button></form>";
        let form = read_form(html, &visitor()).unwrap();
        assert_eq!(form.fields, [("answer".to_owned(), "accept".to_owned())]);
    }

    #[test]
    fn a_page_without_a_form_asks_for_nothing_and_its_words_can_be_read() {
        let html =
            "<head><title>x</title></head><body><h1>Done</h1><p>You may &lt;close&gt; this.</p></body>";
        assert_eq!(read_form(html, &visitor()), None);
        assert_eq!(words_of(html), "Done You may <close> this.");
    }
}
