//! Recipients that steer the simulator, as in mox's localserve: what happens to a message stands in the
//! name of one of its recipients, at any domain. `once.` in front: the first time only. `+tag` is ignored.

use crate::bounded::Bounded;
use crate::world::SwitchInfo;

/// What a recipient's name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steering {
    Permanent,
    Temporary,
    /// 400 to 599.
    Code(u16),
    DataPermanent,
    DataTemporary,
    Throttle,
    Timeout,
    Reset,
    Lost,
    Late,
    Bounce,
}

/// Every such name, for people and programs.
pub(crate) const STEERING: &[SwitchInfo] = &[
    info(
        "permerror@",
        "The recipient is refused for good",
        "RCPT: 550 5.1.1; Graph: HTTP 400 ErrorInvalidRecipients",
    ),
    info(
        "temperror@",
        "The recipient is refused for now",
        "RCPT: 451 4.7.0; Graph: HTTP 503 serviceNotAvailable",
    ),
    info(
        "NNN@",
        "The recipient is refused with this number, 400 to 599, e.g. 451@, 550@, 429@, 504@",
        "RCPT: NNN; Graph: HTTP NNN, or for numbers that only SMTP has HTTP 503 (4xx) and 400 (5xx)",
    ),
    info(
        "data-permerror@",
        "The message is refused for good when its data are complete",
        "554 5.2.0 STOREDRV; Graph: HTTP 400 ErrorInvalidRecipients",
    ),
    info(
        "data-temperror@",
        "The message is refused for now when its data are complete",
        "451 4.7.0 Temporary server error; Graph: HTTP 503 serviceNotAvailable",
    ),
    info(
        "throttle@",
        "The mailbox is throttled",
        "432 4.3.2 Concurrent connections limit exceeded; Graph: HTTP 429 with Retry-After: 5",
    ),
    info("timeout@", "The message is not taken and never answered", "none (time-out)"),
    info("reset@", "The message is not taken and the connection is closed", "none (outcome unknown)"),
    info(
        "lost@",
        "The message is taken and the connection is closed without an answer",
        "none (outcome unknown)",
    ),
    info(
        "late@",
        "The message is taken and the answer says that it failed",
        "421 4.4.2; Graph: HTTP 504 UnknownError",
    ),
    info(
        "bounce@",
        "The message is taken; a report that it can't be delivered comes to the sender's Inbox",
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound",
    ),
    info(
        "once.NAME@",
        "As NAME@ (but bounce@), the first time for this address only, e.g. once.451@, once.lost+7@",
        "as NAME@",
    ),
];

const fn info(name: &'static str, does: &'static str, provokes: &'static str) -> SwitchInfo {
    SwitchInfo { name, does, provokes }
}

impl Steering {
    /// What this address asks for, `once.` or not.
    pub(crate) fn of(address: &str) -> Option<Self> {
        let name = address.rsplit_once('@')?.0.to_ascii_lowercase();
        let name = name.strip_prefix("once.").unwrap_or(&name);
        let name = name.split_once('+').map_or(name, |(name, _)| name);
        Some(match name {
            "permerror" => Self::Permanent,
            "temperror" => Self::Temporary,
            "data-permerror" => Self::DataPermanent,
            "data-temperror" => Self::DataTemporary,
            "throttle" => Self::Throttle,
            "timeout" => Self::Timeout,
            "reset" => Self::Reset,
            "lost" => Self::Lost,
            "late" => Self::Late,
            "bounce" => Self::Bounce,
            number if number.len() == 3 => {
                Self::Code(number.parse().ok().filter(|code| (400..600).contains(code))?)
            }
            _ => return None,
        })
    }
}

impl Steering {
    /// Whether SMTP refuses the recipient itself, not the message.
    fn is_of_recipient(self) -> bool {
        matches!(self, Self::Permanent | Self::Temporary | Self::Code(_))
    }
}

/// Which `once.` addresses have had their turn.
#[derive(Debug, Default)]
pub(crate) struct Turns(Bounded<()>);

impl Turns {
    /// What this address asks for now; asking uses a `once.` up.
    pub(crate) fn take(&mut self, address: &str) -> Option<Steering> {
        let asked = Steering::of(address)?;
        let key = address.to_ascii_lowercase();
        if !key.starts_with("once.") {
            return Some(asked);
        }
        if self.0.get(&key).is_some() {
            return None;
        }
        self.0.insert(key, ());
        Some(asked)
    }

    /// What it asks for when it is named, before there is a message.
    pub(crate) fn take_at_recipient(&mut self, address: &str) -> Option<Steering> {
        Steering::of(address).filter(|steering| steering.is_of_recipient())?;
        self.take(address)
    }

    /// The first that one of these recipients asks for, save for a report afterwards.
    pub(crate) fn take_first(&mut self, recipients: &[String]) -> Option<Steering> {
        let at_once = |address: &&String| Steering::of(address).is_some_and(|one| one != Steering::Bounce);
        recipients.iter().filter(at_once).find_map(|address| self.take(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_steer_at_any_domain_and_with_a_tag() {
        assert_eq!(Steering::of("Lost+17@else.example"), Some(Steering::Lost));
        assert_eq!(Steering::of("451@else.example"), Some(Steering::Code(451)));
        for plain in
            ["250@else.example", "bob@else.example", "lost", "600@else.example", "lostandfound@x.example"]
        {
            assert_eq!(Steering::of(plain), None, "{plain}");
        }
    }

    #[test]
    fn once_is_once_for_each_address() {
        let mut turns = Turns::default();
        assert_eq!(turns.take("once.451@else.example"), Some(Steering::Code(451)));
        assert_eq!(turns.take("once.451@else.example"), None);
        assert_eq!(turns.take("once.451+2@else.example"), Some(Steering::Code(451)));
        assert_eq!(turns.take("451@else.example"), Some(Steering::Code(451)));
        assert_eq!(turns.take("451@else.example"), Some(Steering::Code(451)));
    }
}
