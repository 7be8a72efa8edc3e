//! Whether a user's licences hold a mailbox: facts 5.9. A hint, never a verdict: a shared mailbox has none.

use serde_json::Value;

/// The licences of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licences {
    plans: Vec<Plan>,
    /// The products, e.g. `STANDARDPACK`.
    skus: Vec<String>,
}

/// What the licences say about a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailboxLicence {
    /// A plan with a mailbox is there and ready.
    Present {
        /// The plan, e.g. `EXCHANGE_S_STANDARD`.
        plan: String,
    },
    /// One is there and Microsoft is still at it.
    Pending {
        /// The plan.
        plan: String,
    },
    /// One is there, and an administrator has switched it off.
    Disabled {
        /// The plan.
        plan: String,
    },
    /// Licences, but none with a mailbox: `EXCHANGE_S_FOUNDATION` isn't one.
    Missing {
        /// The products that the user has.
        skus: Vec<String>,
    },
    /// No licence at all, as a shared mailbox has it.
    Unlicensed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    name: String,
    status: String,
}

impl Licences {
    /// Reads `{"value":[{"skuPartNumber","servicePlans":[{"servicePlanName","provisioningStatus"}]}]}`.
    pub(super) fn read(answer: &Value) -> Option<Licences> {
        let products = answer["value"].as_array()?;
        let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let plans = products.iter().filter_map(|product| product["servicePlans"].as_array()).flatten();
        Some(Licences {
            plans: plans
                .map(|plan| Plan {
                    name: text(plan, "servicePlanName"),
                    status: text(plan, "provisioningStatus"),
                })
                .collect(),
            skus: products.iter().map(|product| text(product, "skuPartNumber")).collect(),
        })
    }

    /// What they say about a mailbox: the best of the plans that have one.
    pub fn mailbox(&self) -> MailboxLicence {
        let with_status = |wanted: &str| {
            let mut plans = self.plans.iter().filter(|plan| has_mailbox(&plan.name));
            plans.find(|plan| wanted.is_empty() || plan.status == wanted).map(|plan| plan.name.clone())
        };
        if let Some(plan) = with_status("Success") {
            MailboxLicence::Present { plan }
        } else if let Some(plan) = with_status("Disabled") {
            MailboxLicence::Disabled { plan }
        } else if let Some(plan) = with_status("") {
            MailboxLicence::Pending { plan }
        } else if self.skus.is_empty() {
            MailboxLicence::Unlicensed
        } else {
            MailboxLicence::Missing { skus: self.skus.clone() }
        }
    }
}

/// Plan 1, Plan 2, Kiosk, and their variants for government and education; not the foundation, which stands
/// in dozens of products that have nothing to do with mail.
fn has_mailbox(plan: &str) -> bool {
    ["EXCHANGE_S_STANDARD", "EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_DESKLESS"]
        .iter()
        .any(|name| plan.starts_with(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(plans: &[(&str, &str)]) -> MailboxLicence {
        let plans: Vec<Value> = plans
            .iter()
            .map(|(name, status)| json!({"servicePlanName": name, "provisioningStatus": status, "appliesTo": "User"}))
            .collect();
        let answer = json!({"value": [{"skuPartNumber": "STANDARDPACK", "servicePlans": plans}]});
        Licences::read(&answer).unwrap().mailbox()
    }

    #[test]
    fn the_foundation_is_no_mailbox() {
        let skus = vec!["STANDARDPACK".to_owned()];
        assert_eq!(verdict(&[("EXCHANGE_S_FOUNDATION", "Success")]), MailboxLicence::Missing { skus });
        let plan = "EXCHANGE_S_STANDARD".to_owned();
        let both = verdict(&[("EXCHANGE_S_FOUNDATION", "Success"), ("EXCHANGE_S_STANDARD", "Success")]);
        assert_eq!(both, MailboxLicence::Present { plan });
    }

    #[test]
    fn one_working_plan_is_enough_and_others_say_why_not() {
        let (kiosk, plan_1) = ("EXCHANGE_S_DESKLESS", "EXCHANGE_S_STANDARD");
        let working = verdict(&[(kiosk, "Disabled"), (plan_1, "Success")]);
        assert_eq!(working, MailboxLicence::Present { plan: plan_1.to_owned() });
        assert_eq!(verdict(&[(kiosk, "Disabled")]), MailboxLicence::Disabled { plan: kiosk.to_owned() });
        assert_eq!(
            verdict(&[(plan_1, "PendingProvisioning")]),
            MailboxLicence::Pending { plan: plan_1.to_owned() }
        );
    }

    #[test]
    fn nobody_is_mistaken_for_unlicensed_by_a_garbled_answer() {
        assert_eq!(Licences::read(&json!({"value": []})).unwrap().mailbox(), MailboxLicence::Unlicensed);
        assert_eq!(Licences::read(&json!({})), None);
        assert_eq!(Licences::read(&json!({"value": "x"})), None);
    }
}
