//! People at the console: they sign in, and their browser sends what browsers send.

use std::process::{Command, Stdio};

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::house::{Answer, Caller, House};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Somebody who is signed in at a browser, on a page of the console.
pub(crate) struct Browser {
    pub(crate) caller: Caller,
    pub(crate) cookie: String,
}

impl House {
    /// Adds a user with the usual password.
    pub(crate) async fn add_user(&self, name: &str, role: &str) -> Value {
        let user = json!({ "user": name, "password": PASSWORD, "role": role });
        self.local().post("/api/v1/users", user).await.done(201)
    }

    /// Tries to sign in.
    pub(crate) async fn try_sign_in(&self, user: &str, password: &str) -> Answer {
        let typed = json!({ "user": user, "password": password });
        self.stranger().post("/api/v1/session", typed).await
    }

    /// Signs in a user with the usual password and no second factor.
    pub(crate) async fn sign_in(&self, user: &str) -> Browser {
        let answer = self.try_sign_in(user, PASSWORD).await;
        answer.done(200);
        self.browser(&answer)
    }

    /// Somebody new with this role, signed in.
    pub(crate) async fn signed_in(&self, name: &str, role: &str) -> Caller {
        self.add_user(name, role).await;
        self.sign_in(name).await.caller
    }

    /// The browser that got this answer.
    pub(crate) fn browser(&self, answer: &Answer) -> Browser {
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.insert("cookie", cookie.parse().unwrap());
        headers.insert("x-postern", HeaderValue::from_static("1"));
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        let client = self.https_builder().default_headers(headers).build().unwrap();
        Browser { caller: Caller { client, ..self.stranger() }, cookie }
    }
}

/// The code that an authenticator app shows: by a program that others wrote, so that a mistake of ours shows.
pub(crate) fn code_of(secret: &str, at: time::OffsetDateTime) -> String {
    let script = "import base64,hmac,struct,sys\n\
        key=base64.b32decode(sys.argv[1]+'='*(-len(sys.argv[1])%8))\n\
        d=hmac.new(key,struct.pack('>Q',int(sys.argv[2])//30),'sha1').digest();o=d[-1]&15\n\
        print('%06d'%((struct.unpack('>I',d[o:o+4])[0]&0x7fffffff)%1000000))";
    let seconds = at.unix_timestamp().to_string();
    let ran =
        Command::new("python3").args(["-c", script, secret, &seconds]).stderr(Stdio::inherit()).output();
    String::from_utf8(ran.unwrap().stdout).unwrap().trim().to_owned()
}
