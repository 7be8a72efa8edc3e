//! The tenant of `postern demo`: one complete user, and others who lack one thing each.

use super::{App, ApplicationPermission, DelegatedPermission, License, Secret, User, World};
use uuid::Uuid;

/// Every delegated permission of the procedure, as an administrator would configure it.
const DELEGATED: &[&str] = &["Mail.Send", "SMTP.Send", "offline_access", "openid", "profile", "User.Read"];
const APPLICATION: &[&str] = &["Mail.Send", "SMTP.SendAsApp"];

impl World {
    /// The tenant contoso.example: one app with all permissions of the set-up guide granted, a
    /// secret and no certificate; `users[0]` complete and administrator, the others lacking one
    /// thing each. Ids, secret and passwords are new each time.
    pub fn demo<S: AsRef<str>>(redirect_uris: &[S]) -> Self {
        Self::demo_in("contoso.example", redirect_uris)
    }

    /// The same in another domain.
    pub fn demo_in<S: AsRef<str>>(domain: &str, redirect_uris: &[S]) -> Self {
        let mut app = App::new(Uuid::new_v4(), "Postern");
        app.redirect_uris = redirect_uris.iter().map(|uri| uri.as_ref().to_owned()).collect();
        app.public_client = true;
        app.secrets = vec![Secret { value: crate::random::client_secret(), expires: None }];
        app.delegated = DELEGATED.iter().map(|name| delegated(name)).collect();
        app.application = APPLICATION.iter().map(|name| application(name)).collect();
        app.admin_consent = true;
        let mut world = Self::new(domain).with_app(app);
        world.users = demo_users(domain);
        world
    }
}

fn demo_users(domain: &str) -> Vec<User> {
    let user = |name: &str, full: &str| {
        User::new(&format!("{name}@{domain}"), full, &format!("{}!", crate::random::token(12)))
    };
    vec![
        User { admin: true, ..user("megan", "Megan Bowen") },
        User { licenses: Vec::new(), mailbox: false, ..user("nolicense", "Lee Without Licence") },
        User { smtp_auth: Some(false), ..user("nosmtp", "Sam Without Authenticated SMTP") },
        User { mfa: true, ..user("mfa", "Mia With Two Factors") },
        User {
            licenses: vec![license("POWER_BI_STANDARD")],
            mailbox: false,
            ..user("foundation", "Finn With Foundation Only")
        },
        User { shared: true, licenses: Vec::new(), ..user("alerts", "Alerts (shared mailbox)") },
    ]
}

fn delegated(name: &str) -> DelegatedPermission {
    DelegatedPermission::try_from(name.to_owned()).expect("the catalogue has the procedure's permissions")
}

fn application(name: &str) -> ApplicationPermission {
    ApplicationPermission::try_from(name.to_owned()).expect("the catalogue has the procedure's permissions")
}

fn license(name: &str) -> License {
    License::try_from(name.to_owned()).expect("the catalogue has this licence")
}
