//! Licences by SKU and the service plans in them (facts 5.9; ids from Microsoft's licensing reference).
//! Only some plans mean a mailbox: EXCHANGE_S_FOUNDATION is in dozens of SKUs and doesn't.

use serde::{Deserialize, Serialize};

/// The name is no licence that the simulator knows.
#[derive(Debug, thiserror::Error)]
#[error("unknown license '{0}'; known: {known}", known = known_names())]
pub struct UnknownLicense(String);

/// A service plan inside a licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServicePlan {
    pub(crate) name: &'static str,
    pub(crate) id: &'static str,
    pub(crate) mailbox: bool,
}

/// A licence, by the part number of its SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct License(&'static Sku);

#[derive(Debug, PartialEq, Eq)]
struct Sku {
    part_number: &'static str,
    product: &'static str,
    id: &'static str,
    plans: &'static [ServicePlan],
}

const fn plan(name: &'static str, id: &'static str, mailbox: bool) -> ServicePlan {
    ServicePlan { name, id, mailbox }
}

const STANDARD: ServicePlan = plan("EXCHANGE_S_STANDARD", "9aaf7827-d63c-4b61-89c3-182f06f82e5c", true);
const ENTERPRISE: ServicePlan = plan("EXCHANGE_S_ENTERPRISE", "efb87545-963c-4e0d-99df-69c6916d9eb0", true);
const DESKLESS: ServicePlan = plan("EXCHANGE_S_DESKLESS", "4a82b400-a79f-41a4-b4e2-e94f5787b113", true);
const FOUNDATION: ServicePlan = plan("EXCHANGE_S_FOUNDATION", "113feb6c-3fe4-4440-bddc-54d774bf0318", false);
const POWER_BI: ServicePlan = plan("BI_AZURE_P0", "2049e525-b859-401b-b2a0-e0a31c4b1fe4", false);

const SKUS: &[Sku] = &[
    Sku {
        part_number: "STANDARDPACK",
        product: "Office 365 E1",
        id: "18181a46-0d4e-45cd-891e-60aabd171b4e",
        plans: &[STANDARD],
    },
    Sku {
        part_number: "ENTERPRISEPACK",
        product: "Office 365 E3",
        id: "6fd2c87f-b296-42f0-b197-1e91e994b900",
        plans: &[ENTERPRISE],
    },
    Sku {
        part_number: "ENTERPRISEPREMIUM",
        product: "Office 365 E5",
        id: "c7df2760-2c81-4ef7-b578-5b5392b571df",
        plans: &[ENTERPRISE],
    },
    Sku {
        part_number: "EXCHANGESTANDARD",
        product: "Exchange Online (Plan 1)",
        id: "4b9405b0-7788-4568-add1-99614e613b69",
        plans: &[STANDARD],
    },
    Sku {
        part_number: "EXCHANGEDESKLESS",
        product: "Exchange Online Kiosk",
        id: "80b2d799-d2ba-4d2a-8842-fb0d0f3a4b82",
        plans: &[DESKLESS],
    },
    Sku {
        part_number: "POWER_BI_STANDARD",
        product: "Power BI (free)",
        id: "a403ebcc-fae0-4ca2-8c8c-7a907fd6c235",
        plans: &[FOUNDATION, POWER_BI],
    },
];

impl License {
    pub(crate) fn part_number(self) -> &'static str {
        self.0.part_number
    }

    pub(crate) fn sku_id(self) -> &'static str {
        self.0.id
    }

    pub(crate) fn plans(self) -> &'static [ServicePlan] {
        self.0.plans
    }

    /// Whether a plan of this licence comes with a mailbox.
    pub fn has_mailbox(self) -> bool {
        self.0.plans.iter().any(|plan| plan.mailbox)
    }
}

impl TryFrom<String> for License {
    type Error = UnknownLicense;

    /// Accepts the SKU's part number, the product's name, or a service plan that it is known for.
    fn try_from(name: String) -> Result<Self, Self::Error> {
        let is = |text: &str| text.eq_ignore_ascii_case(&name);
        let named = |sku: &&Sku| is(sku.part_number) || is(sku.product) || is(sku.id);
        let with_plan = |sku: &&Sku| sku.plans.iter().any(|plan| is(plan.name));
        let sku = SKUS.iter().find(named).or_else(|| SKUS.iter().find(with_plan));
        sku.map(Self).ok_or(UnknownLicense(name))
    }
}

impl From<License> for String {
    fn from(license: License) -> Self {
        license.part_number().to_owned()
    }
}

fn known_names() -> String {
    SKUS.iter().map(|sku| sku.part_number).collect::<Vec<_>>().join(", ")
}
