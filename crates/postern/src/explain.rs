//! What an error of Microsoft's means, in the words of `m365::diagnosis`, filled with the values of an account. It
//! opens no secret: what it fills in stands on the account's page too.

use m365::diagnosis::{self, Advice, Facts, needed_permission};

use crate::accounts::{self, Account};
use crate::app::App;
use crate::problem::Problem;

/// Explains a code or a whole text, for the account of that id or name if one is given.
pub async fn explain(app: &App, text: &str, account: Option<&str>) -> Result<Vec<Advice>, Problem> {
    let facts = match account {
        Some(account) => facts_of(app, &accounts::find(app, account).await?)?,
        None => Facts::default(),
    };
    match diagnosis::find(text, &facts) {
        found if found.is_empty() => Err(nothing_found()),
        found => Ok(found),
    }
}

/// The refusal of a text in which there is no code.
pub fn nothing_found() -> Problem {
    Problem::new(
        "nothing_to_explain",
        "There is no error code in this that Postern could read.",
        "Give a code (AADSTS700027, ErrorSendAsDenied, \"535 5.7.3\"), or paste the whole text of the error page, the log or the bounce.",
    )
}

fn facts_of(app: &App, account: &Account) -> Result<Facts, Problem> {
    let Account { row, certificate, grant, .. } = account;
    let sign_in = match row.sign_in {
        store::SignIn::Delegated => m365::account::SignIn::Delegated,
        store::SignIn::Application => m365::account::SignIn::Application,
    };
    let transport = match row.transport {
        store::Transport::Graph => m365::account::Transport::Graph,
        store::Transport::Smtp => m365::account::Transport::Smtp,
    };
    let signed_in = grant.as_ref().map(|grant| grant.user.clone());
    let from = row.from_address.clone().or(signed_in.clone());
    let cloud = app.clouds.find(&row.cloud)?;
    Ok(Facts {
        client_id: Some(row.client_id.clone()),
        tenant: Some(row.tenant.clone()),
        thumbprint_sha1: certificate.as_ref().map(|certificate| certificate.thumbprint_sha1.clone()),
        redirect_uri: app.hosts.redirect_uris().first().map(ToString::to_string),
        mailbox: signed_in.or_else(|| from.clone()),
        from,
        permission: Some(needed_permission(sign_in, transport).to_owned()),
        portal: cloud.portal.as_ref().and_then(|portal| portal.host_str()).map(str::to_owned),
        login: cloud.login.host_str().map(str::to_owned),
        provider: cloud.own_provider().map(str::to_owned),
        principal_id: app.tokens.principal(&row.id.to_string()).map(|id| id.to_string()),
        sign_in: Some(sign_in),
    })
}
