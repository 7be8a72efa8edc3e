//! A browser without scripts: follows nothing by itself, fills in forms by their labels.

use super::{Lab, REDIRECT};
use reqwest::Client;
use std::collections::HashMap;

pub(crate) struct Browser<'a> {
    lab: &'a Lab,
    http: Client,
    cookie: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) location: Option<String>,
    pub(crate) html: String,
}

impl Page {
    /// The parameters of the redirect, from query or fragment.
    #[track_caller]
    pub(crate) fn answer(&self) -> HashMap<String, String> {
        let location = self.location.as_deref().unwrap_or_else(|| panic!("no redirect: {}", self.html));
        let (_, part) = location.split_once(['?', '#']).expect("the redirect has parameters");
        reqwest::Url::parse(&format!("http://x/?{part}")).unwrap().query_pairs().into_owned().collect()
    }

    /// Asserts that it is a page of Entra's own with this code.
    #[track_caller]
    pub(crate) fn shows(&self, code: u32) {
        assert_eq!(self.location, None, "it was sent on to {:?}", self.location);
        assert!(self.html.contains(&format!("AADSTS{code}")), "{}", self.html);
        assert!(self.html.contains("SIMULATED"));
    }

    /// Asserts that the application was told this refusal.
    #[track_caller]
    pub(crate) fn refuses(&self, error: &str, code: u32) {
        let answer = self.answer();
        assert!(self.location.as_deref().unwrap().starts_with(REDIRECT), "{:?}", self.location);
        assert_eq!(answer.get("error").map(String::as_str), Some(error), "{answer:?}");
        assert!(answer["error_description"].starts_with(&format!("AADSTS{code}: ")), "{answer:?}");
    }

    fn action(&self) -> &str {
        between(&self.html, "action=\"", "\"").expect("the page has a form")
    }

    /// The hidden fields of the form.
    pub(crate) fn hidden(&self) -> Vec<(String, String)> {
        let inputs = self.html.split("<input type=\"hidden\" ").skip(1);
        let read = |input: &str| {
            let name = between(input, "name=\"", "\"").unwrap();
            let value = between(input, "value=\"", "\"").unwrap();
            (name.to_owned(), unescape(value))
        };
        inputs.map(read).collect()
    }
}

/// The name of the field that a label stands for.
#[track_caller]
fn field_of(html: &str, label: &str) -> String {
    let before = html.split(&format!("\">{label}</label>")).next().filter(|before| before.len() < html.len());
    let id = before
        .and_then(|before| before.rsplit("for=\"").next())
        .unwrap_or_else(|| panic!("no label {label}: {html}"));
    let input = between(html, &format!("id=\"{id}\""), ">").expect("the label's field is there");
    between(input, "name=\"", "\"").expect("the field has a name").to_owned()
}

impl<'a> Browser<'a> {
    pub(crate) fn new(lab: &'a Lab) -> Self {
        Self { lab, http: lab.http.clone(), cookie: None }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Page {
        let request = self.http.get(url);
        self.send(request).await
    }

    /// Opens the authorize endpoint with the usual parameters, but for those given.
    pub(crate) async fn authorize(&mut self, given: &[(&str, &str)]) -> Page {
        let client = self.lab.client.clone();
        let usual = [
            ("client_id", client.as_str()),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            ("scope", super::SIGN_IN),
            ("state", "abc"),
        ];
        let kept = usual.iter().filter(|(name, _)| !given.iter().any(|(other, _)| other == name));
        let all: Vec<_> = kept.chain(given).filter(|(_, value)| !value.is_empty()).collect();
        let url = reqwest::Url::parse_with_params(&self.lab.url("oauth2/v2.0/authorize"), all).unwrap();
        self.get(url.as_str()).await
    }

    /// Types into the fields with these labels and presses the button with this text.
    pub(crate) async fn press(&mut self, page: &Page, button: &str, typed: &[(&str, &str)]) -> Page {
        let mut fields = page.hidden();
        fields.extend(typed.iter().map(|(label, value)| (field_of(&page.html, label), (*value).to_owned())));
        let before = page.html.split(&format!(">{button}</button>")).next();
        let before = before
            .filter(|before| before.len() < page.html.len())
            .unwrap_or_else(|| panic!("no button {button}: {}", page.html));
        let tag = before.rsplit("<button").next().unwrap();
        if let (Some(name), Some(value)) = (between(tag, "name=\"", "\""), between(tag, "value=\"", "\"")) {
            fields.push((name.to_owned(), value.to_owned()));
        }
        let base = reqwest::Url::parse(&self.lab.sim.https_url).unwrap();
        let url = base.join(&unescape(page.action())).unwrap();
        let request = self.http.post(url).form(&fields);
        self.send(request).await
    }

    pub(crate) async fn sign_in(&mut self, page: &Page, user: &str, password: &str) -> Page {
        self.press(page, "Sign in", &[("Email", user), ("Password", password)]).await
    }

    /// Authorize and sign-in in one; the code.
    pub(crate) async fn code(&mut self, scope: &str, user: &str, password: &str) -> String {
        let page = self.authorize(&[("scope", scope)]).await;
        let page = self.sign_in(&page, user, password).await;
        page.answer().remove("code").unwrap_or_else(|| panic!("no code: {page:?}"))
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder) -> Page {
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let response = request.send().await.unwrap();
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        if let Some(cookie) = header("set-cookie") {
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        let location = header("location");
        Page { location, html: response.text().await.unwrap() }
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _)| inside)
}

fn unescape(text: &str) -> String {
    html_escape::decode_html_entities(text).into_owned()
}
