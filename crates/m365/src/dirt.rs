//! Doors for those who throw dirt: each reads any bytes by one of this room's parsers, which must neither panic
//! nor hang, whatever they are. Open only to `fuzz/` and to the smoke runs below; no product code comes here.

use reqwest::header::HeaderMap;

use crate::authorize::Callback;
use crate::connection::Answer;
use crate::diagnosis::{self, Facts};
use crate::failure::EntraRefusal;
use crate::id_token::{self, Expected, SigningKeys};
use crate::secret::Nonce;
use crate::{device_code, graph, smtp, token};

/// The answers of the OAuth endpoints, and what a browser brings.
pub fn oauth(bytes: &[u8]) {
    for status in [200, 400, 503] {
        // Told or not: only that it comes back counts.
        let _ = EntraRefusal::from_answer(status, bytes, None).to_string();
        let answer = answer(status, bytes);
        token::read_dirt(&answer, NOW);
        device_code::read_dirt(&answer, NOW);
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = Callback::parse(&text);
    let _ = Callback::parse_address(&text);
}

/// A set of keys on the first line, and the ID token on the next.
pub fn id_token(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (keys, token) = text.split_once('\n').unwrap_or(("{}", &text));
    let keys = SigningKeys::read(&serde_json::from_str(keys).unwrap_or_default());
    let client_id = "11112222-aaaa-3333-bbbb-4444cccc5555".parse().expect("a GUID is a client ID");
    let tenant = "contoso.example".parse().expect("a domain is a tenant");
    let nonce = Nonce::new("nonce");
    let issuer = "https://login.example/contoso/v2.0";
    let expected = Expected {
        client_id: &client_id,
        issuer,
        tenant: &tenant,
        tenant_id: None,
        nonce: Some(&nonce),
        now: NOW,
    };
    let _ = id_token::unverified_kid(token);
    let _ = id_token::verify(token, &keys, &expected);
}

/// The answers of Microsoft Graph.
pub fn graph(bytes: &[u8]) {
    for status in [200, 202, 400, 429] {
        graph::read_dirt(&answer(status, bytes));
    }
}

/// The replies of an SMTP server.
pub fn smtp(bytes: &[u8]) {
    smtp::read_dirt(bytes);
}

/// What somebody pasted. Every piece of advice is fit to be shown.
///
/// # Panics
/// One isn't: a finding of the fuzzer.
pub fn paste(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for advice in diagnosis::find(&text, &Facts::default()) {
        for shown in [&advice.says, &advice.cause, &advice.fix, &advice.code] {
            assert!(!shown.chars().any(char::is_control), "{shown:?} could steer a terminal");
        }
        assert!(!advice.code.is_empty() && !advice.cause.is_empty() && !advice.fix.is_empty());
    }
}

const NOW: time::OffsetDateTime = time::macros::datetime!(2026-11-21 8:00 UTC);

fn answer(status: u16, body: &[u8]) -> Answer {
    Answer {
        status,
        headers: HeaderMap::new(),
        body: body.to_vec(),
        client_request_id: "c-1".to_owned(),
        target: "login.example:443".to_owned(),
    }
}

/// The fuzzer's targets, run over their seeds and over simple damage to them: what a long run looks for must
/// at least not be found at once.
#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn smoke(target: &str, read: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
        let mut seeds = Vec::new();
        for seed in std::fs::read_dir(&folder).unwrap() {
            let seed = std::fs::read(seed.unwrap().path()).unwrap();
            read(&seed);
            damage(&seed, read);
            seeds.push(seed);
        }
        assert!(seeds.len() >= 3, "{target} has {} seeds", seeds.len());
        if let Some(seconds) = std::env::var("DIRT_SECONDS").ok().and_then(|seconds| seconds.parse().ok()) {
            throw_for(std::time::Duration::from_secs(seconds), &seeds, read);
        }
    }

    /// Random damage for so long, where `DIRT_SECONDS` asks for it: a poor man's fuzzer for the stable tool chain.
    fn throw_for(duration: std::time::Duration, seeds: &[Vec<u8>], read: fn(&[u8])) {
        let (start, mut thrown) = (std::time::Instant::now(), 0_u64);
        while start.elapsed() < duration {
            let mut dirt = seeds[rand::random_range(0..seeds.len())].clone();
            for _ in 0..rand::random_range(1..8) {
                spoil(&mut dirt, &seeds[rand::random_range(0..seeds.len())]);
            }
            let read_it = std::panic::catch_unwind(|| read(&dirt));
            assert!(read_it.is_ok(), "found: {:?}", String::from_utf8_lossy(&dirt));
            thrown += 1;
        }
        println!("{thrown} pieces of dirt");
    }

    fn spoil(dirt: &mut Vec<u8>, other: &[u8]) {
        let place = |length: usize| rand::random_range(0..=length);
        let at = place(dirt.len());
        match rand::random_range(0..5) {
            0 => dirt.truncate(at),
            1 => dirt.insert(at, rand::random()),
            2 => {
                if let Some(octet) = dirt.get_mut(at) {
                    *octet ^= 1 << rand::random_range(0..8);
                }
            }
            3 => {
                let (one, two) = (place(other.len()), place(other.len()));
                let piece = other[one.min(two)..one.max(two)].to_vec();
                dirt.splice(at..at, piece);
            }
            _ => {
                let end = place(dirt.len());
                dirt.drain(at.min(end)..at.max(end));
            }
        }
        dirt.truncate(64 * 1024);
    }

    /// Cut off, doubled, and with single octets changed, in the same way each time.
    fn damage(seed: &[u8], read: fn(&[u8])) {
        for part in 1..8 {
            read(&seed[..seed.len() * part / 8]);
            read(&seed[seed.len() * part / 8..]);
        }
        read(&[seed, seed].concat());
        let mut place: usize = 7;
        for octet in [0, 0x0a, 0x22, 0x25, 0x27, 0x2d, 0x2e, 0x5c, 0x7b, 0x7d, 0x80, 0xc3, 0xff] {
            let mut changed = seed.to_vec();
            if !changed.is_empty() {
                place = place.wrapping_mul(31).wrapping_add(11) % changed.len();
                changed[place] = octet;
            }
            read(&changed);
        }
    }

    #[test]
    fn dirt_in_oauth_answers_does_no_harm() {
        smoke("oauth", oauth);
    }

    #[test]
    fn dirt_in_id_tokens_does_no_harm() {
        smoke("id_token", id_token);
    }

    #[test]
    fn dirt_in_graph_answers_does_no_harm() {
        smoke("graph", graph);
    }

    #[test]
    fn dirt_in_smtp_replies_does_no_harm() {
        smoke("smtp", smtp);
    }

    #[test]
    fn dirt_in_pasted_texts_does_no_harm() {
        smoke("paste", paste);
    }
}
