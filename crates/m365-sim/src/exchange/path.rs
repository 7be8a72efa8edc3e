//! The paths and parameters of MAIL and RCPT (RFC 5321, 4.1.2).

/// `FROM:<address> NAME=value …`: the address and the parameters, names in upper case.
pub(super) fn read_path(rest: &str, keyword: &str) -> Option<(String, Vec<(String, String)>)> {
    let head = rest.get(..keyword.len()).filter(|head| head.eq_ignore_ascii_case(keyword))?;
    let (address, tail) = rest[head.len()..].trim_start().strip_prefix('<')?.split_once('>')?;
    let parameters = tail.split_ascii_whitespace().map(|word| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let name = name.to_ascii_uppercase();
        let value = if name == "BODY" { value.to_ascii_uppercase() } else { value.to_owned() };
        (name, value)
    });
    Some((address.to_owned(), parameters.collect()))
}

pub(super) fn is_address(text: &str) -> bool {
    text.len() <= 254
        && text.rsplit_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
        && !text.chars().any(|c| c.is_control() || c == ' ' || c == '<')
}
