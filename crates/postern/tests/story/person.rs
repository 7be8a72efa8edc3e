//! A person at a browser, who signs in on the tenant's pages and is sent on to the console.

use std::collections::BTreeMap;

use http::{Method, header};
use reqwest::{Client, RequestBuilder};
use url::Url;

use crate::house::{Answer, House};

/// More pages than a sign-in ever has.
const MOST_PAGES: usize = 20;

/// A browser and who sits at it.
pub(crate) struct Person {
    client: Client,
    console_port: u16,
    cookies: BTreeMap<String, String>,
    upn: String,
    password: String,
}

/// What the browser is about to bring to the console: a redirect's address, or a form to post there.
#[derive(Debug, Clone)]
pub(crate) struct Brought {
    pub(crate) address: Url,
    pub(crate) form: Option<Vec<(String, String)>>,
}

impl Brought {
    /// The value of a field of the answer.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> String {
        let found = match &self.form {
            Some(form) => form.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
            None => self
                .address
                .query_pairs()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.into_owned()),
        };
        found.unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// The same with another value for a field, which is added if it isn't there.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut address = self.address.clone();
        let kept: Vec<(String, String)> =
            self.address.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
        address.query_pairs_mut().clear().extend_pairs(kept).append_pair(name, value);
        Self { address, form: self.form.clone() }
    }

    /// The same with something behind the query.
    pub(crate) fn and(&self, more: &str) -> Self {
        let mut address = self.address.clone();
        address.set_query(Some(&format!("{}{more}", self.address.query().unwrap())));
        Self { address, form: self.form.clone() }
    }
}

impl Person {
    /// A user of the tenant, by the first letters of the sign-in name.
    pub(crate) fn new(house: &House, name: &str) -> Self {
        let (upn, password) = house.user(name);
        let cookies = BTreeMap::new();
        Self { client: house.https_client(), console_port: house.port(), cookies, upn, password }
    }

    /// Keeps what a page of the console set.
    pub(crate) fn keep_cookies(&mut self, headers: &http::HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
        }
    }

    /// Opens the address and signs in, consenting where that is asked for; stops before going back to the console.
    pub(crate) async fn sign_in(&mut self, url: &str) -> Brought {
        self.walk(url, None, &[]).await
    }

    /// The same, but presses *Cancel* on the page whose form goes to this step (`login`, `consent`).
    pub(crate) async fn cancel_at(&mut self, step: &str, url: &str) -> Brought {
        self.walk(url, Some(step), &[]).await
    }

    /// Opens the page for a device code, types it and signs in; the last page's text.
    pub(crate) async fn type_code(&mut self, page: &str, code: &str) -> String {
        self.end_at_the_tenant(page, &[("code", code)]).await
    }

    /// Opens the address and signs in, where that ends on a page of the tenant; that page as it can be copied.
    pub(crate) async fn read_last_page(&mut self, url: &str) -> String {
        visible(&self.end_at_the_tenant(url, &[]).await)
    }

    async fn end_at_the_tenant(&mut self, url: &str, typed: &[(&str, &str)]) -> String {
        let mut page = self.open(url).await;
        for _ in 0..MOST_PAGES {
            let text = page.1.text();
            let Some(form) = Form::find(&text) else { return text };
            let fields = self.fill(&form, None, typed);
            let action = page.0.join(&form.action).unwrap();
            page = self
                .go(action.clone(), self.client.post(action).form(&fields))
                .await
                .expect_err("it ends at the tenant");
        }
        panic!("the pages never end")
    }

    /// Goes to the console with what the sign-in left.
    pub(crate) async fn bring(&mut self, brought: &Brought) -> Answer {
        let request = match &brought.form {
            Some(form) => self.client.request(Method::POST, brought.address.clone()).form(form),
            None => self.client.get(brought.address.clone()),
        };
        Answer::read(request.header(header::COOKIE, self.cookies_text()).send().await.unwrap()).await
    }

    async fn walk(&mut self, url: &str, cancel_at: Option<&str>, typed: &[(&str, &str)]) -> Brought {
        let url = Url::parse(url).unwrap();
        let (mut address, mut page) = match self.go(url.clone(), self.client.get(url)).await {
            Ok(brought) => return brought,
            Err(page) => page,
        };
        for _ in 0..MOST_PAGES {
            let text = page.text();
            let form = Form::find(&text).unwrap_or_else(|| panic!("no form at {address}: {text}"));
            let fields = self.fill(&form, cancel_at, typed);
            let action = address.join(&form.action).unwrap();
            if action.port() == Some(self.console_port) {
                return Brought { address: action, form: Some(fields) };
            }
            match self.go(action.clone(), self.client.post(action).form(&fields)).await {
                Ok(brought) => return brought,
                Err(next) => (address, page) = next,
            }
        }
        panic!("the pages never end")
    }

    async fn open(&mut self, url: &str) -> (Url, Answer) {
        let url = Url::parse(url).unwrap();
        self.go(url.clone(), self.client.get(url)).await.expect_err("a page of the tenant")
    }

    /// Follows redirects within the tenant: the page there, or (`Ok`) the redirect to the console.
    async fn go(&mut self, mut address: Url, mut request: RequestBuilder) -> Result<Brought, (Url, Answer)> {
        for _ in 0..MOST_PAGES {
            let response = request.header(header::COOKIE, self.cookies_text()).send().await.unwrap();
            let answer = Answer::read(response).await;
            self.keep_cookies(&answer.headers);
            let Some(next) = answer.headers.get(header::LOCATION) else { return Err((address, answer)) };
            address = address.join(next.to_str().unwrap()).unwrap();
            if address.port() == Some(self.console_port) {
                return Ok(Brought { address, form: None });
            }
            request = self.client.get(address.clone());
        }
        panic!("the redirects go in a circle")
    }

    fn fill(&self, form: &Form, cancel_at: Option<&str>, typed: &[(&str, &str)]) -> Vec<(String, String)> {
        let value = |(name, value): &(String, String)| {
            let typed = typed.iter().find(|(known, _)| known == name).map(|(_, value)| (*value).to_owned());
            let own = match name.as_str() {
                "email" => Some(self.upn.clone()),
                "password" => Some(self.password.clone()),
                _ => typed,
            };
            (name.clone(), own.unwrap_or_else(|| value.clone()))
        };
        let mut fields: Vec<_> = form.fields.iter().map(value).collect();
        let cancels = cancel_at.is_some_and(|step| form.action.ends_with(step));
        match cancels {
            true => fields.push(("answer".to_owned(), "cancel".to_owned())),
            false => fields.extend(form.first_button.clone()),
        }
        fields
    }

    fn cookies_text(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }
}

/// The first form of a page.
struct Form {
    action: String,
    fields: Vec<(String, String)>,
    /// The one that goes on: Sign in, Accept, Approve.
    first_button: Option<(String, String)>,
}

impl Form {
    fn find(html: &str) -> Option<Self> {
        let form = &html[html.find("<form")?..];
        let form = &form[..form.find("</form>")?];
        let named = |tag: &str| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()));
        Some(Self {
            action: attribute(tags(form, "<form").next()?, "action")?,
            fields: tags(form, "<input").filter_map(named).collect(),
            first_button: tags(form, "<button").next().and_then(named),
        })
    }
}

/// The text between the tags of a page's body.
fn visible(html: &str) -> String {
    let body = html.split_once("<body>").map_or(html, |(_, body)| body);
    let between: Vec<&str> =
        body.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
    html_escape::decode_html_entities(&between.join(" ")).into_owned()
}

fn tags<'a>(html: &'a str, opening: &'a str) -> impl Iterator<Item = &'a str> {
    html.match_indices(opening).map(|(at, _)| html[at..].split_once('>').unwrap().0)
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, after) = tag.split_once(&format!(" {name}=\""))?;
    Some(html_escape::decode_html_entities(after.split_once('"')?.0).into_owned())
}
