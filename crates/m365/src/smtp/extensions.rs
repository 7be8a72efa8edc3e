//! What a server offers in its answer to EHLO: RFC 5321 §4.1.1.1. What isn't known here is ignored.

/// The extensions that matter for sending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    /// RFC 3207.
    pub(super) starttls: bool,
    /// `AUTH` with `XOAUTH2` among its mechanisms (RFC 4954).
    pub(super) xoauth2: bool,
    /// RFC 1870; 0 when the server names no limit.
    pub(super) size: Option<u64>,
    /// RFC 6152.
    pub(super) eight_bit_mime: bool,
    /// RFC 6531.
    pub(super) smtputf8: bool,
    /// RFC 2920.
    pub(super) pipelining: bool,
    /// RFC 3030: BDAT.
    pub(super) chunking: bool,
    /// RFC 3461.
    pub(super) dsn: bool,
}

impl Extensions {
    /// Reads the lines of the reply; the first is the server's name and greeting.
    pub(super) fn read(lines: &[String]) -> Extensions {
        let mut offered = Extensions::default();
        for line in lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            match words.next().map(str::to_ascii_uppercase).as_deref() {
                Some("STARTTLS") => offered.starttls = true,
                Some("8BITMIME") => offered.eight_bit_mime = true,
                Some("SMTPUTF8") => offered.smtputf8 = true,
                Some("PIPELINING") => offered.pipelining = true,
                Some("CHUNKING") => offered.chunking = true,
                Some("DSN") => offered.dsn = true,
                Some("AUTH") => offered.xoauth2 |= words.any(|word| word.eq_ignore_ascii_case("XOAUTH2")),
                Some("SIZE") => offered.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
                _ => {}
            }
        }
        offered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_exchange_online_is_understood() {
        let lines = "SY5P282CA0097.outlook.office365.com Hello [172.105.184.101]|SIZE 157286400|PIPELINING|DSN|\
                     ENHANCEDSTATUSCODES|AUTH LOGIN XOAUTH2|8BITMIME|BINARYMIME|CHUNKING|SMTPUTF8";
        let lines: Vec<String> = lines.split('|').map(str::to_owned).collect();
        let offered = Extensions::read(&lines);
        let expected = Extensions {
            starttls: false,
            xoauth2: true,
            size: Some(157_286_400),
            eight_bit_mime: true,
            smtputf8: true,
            pipelining: true,
            chunking: true,
            dsn: true,
        };
        assert_eq!(offered, expected);
    }

    #[test]
    fn case_does_not_count_and_oddities_do_no_harm() {
        let lines = ["STARTTLS", "starttls", "SIZE x", "auth xoauth2", "", "AUTH LOGIN"].map(str::to_owned);
        let offered = Extensions::read(&lines);
        assert!(offered.starttls && offered.xoauth2);
        assert_eq!(offered.size, Some(0));
        assert_eq!(Extensions::read(&["STARTTLS".to_owned()]), Extensions::default());
    }
}
