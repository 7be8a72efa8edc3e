//! The path of MAIL and RCPT (RFC 5321 §4.1.2) as octets: where it is, and what stands behind it. Whether it is an address,
//! `mail` says.

/// Finds the address between the angle brackets, or up to the next space where there are none, without a source
/// route; and what stands behind it. None where there is no `FROM:` or `TO:`, or a bracket stays open.
pub(super) fn read_path<'a>(rest: &'a str, preposition: &str) -> Option<(&'a str, &'a str)> {
    let word = rest.get(..preposition.len())?;
    if !word.eq_ignore_ascii_case(preposition) {
        return None;
    }
    let rest = rest[preposition.len()..].trim_start().strip_prefix(':')?.trim_start();
    let (path, parameters) = match rest.strip_prefix('<') {
        Some(inside) => inside.split_at(find_closing_bracket(inside)?),
        None => rest.split_at(rest.find(' ').unwrap_or(rest.len())),
    };
    let parameters = parameters.strip_prefix('>').unwrap_or(parameters);
    let is_apart = parameters.is_empty() || parameters.starts_with(' ');
    let is_named = rest.starts_with('<') || !path.is_empty();
    (is_apart && is_named).then(|| (without_route(path.trim()), parameters))
}

/// The first `>` that isn't in a quoted local part (RFC 5321 §4.1.2).
fn find_closing_bracket(inside: &str) -> Option<usize> {
    let mut in_quotes = false;
    let mut octets = inside.bytes().enumerate();
    while let Some((index, octet)) = octets.next() {
        match octet {
            b'\\' if in_quotes => {
                octets.next();
            }
            b'"' => in_quotes = !in_quotes,
            b'>' if !in_quotes => return Some(index),
            _ => {}
        }
    }
    None
}

/// RFC 5321 appendix C: `@one,@two:ann@contoso.com` is ann@contoso.com.
fn without_route(path: &str) -> &str {
    match path.split_once(':') {
        Some((route, address)) if route.starts_with('@') => address,
        _ => path,
    }
}
