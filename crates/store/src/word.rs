//! The words of the tables' enumerations: one spelling for the column, for JSON and for a person's filter. It must never
//! guess at a word it doesn't know; its neighbour is `record`, which turns the refusal into a corrupt row.

/// A text that is none of the words of its enumeration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{found}” is none of: {known}")]
pub struct UnknownWord {
    /// What stood there.
    pub found: String,
    /// The words that would have been understood, separated by commas.
    pub known: String,
}

/// Declares an enumeration together with the word that stands for each variant in the database and in JSON.
macro_rules! words {
    ($(#[$attribute:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word for it, in the database and in JSON.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::word::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::word::UnknownWord {
                        found: text.to_owned(),
                        known: [$($word),+].join(", "),
                    }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    use crate::StateName;

    #[test]
    fn a_word_comes_back_as_its_variant_and_json_uses_the_same_word() {
        assert_eq!("needs_sign_in".parse(), Ok(StateName::NeedsSignIn));
        assert_eq!(StateName::NeedsSignIn.to_string(), "needs_sign_in");
        assert_eq!(serde_json::to_string(&StateName::NeedsSignIn).unwrap(), "\"needs_sign_in\"");
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_known_ones() {
        let refused = "ajar".parse::<crate::Transport>().unwrap_err();
        assert_eq!(refused.to_string(), "“ajar” is none of: graph, smtp");
    }
}
