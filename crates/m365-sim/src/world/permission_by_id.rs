//! Permissions by their ids (facts 4.7, DEVX): what requiredResourceAccess, app roles and scopes are told by.

use super::permission::{
    ApplicationPermission, DelegatedPermission, Resource, applications, delegated_permission, delegations,
};
use serde_json::{Value, json};

/// Delegated permissions.
const SCOPES: &[(&str, &str)] = &[
    ("openid", "37f7f235-527c-4136-accd-4a02d197296e"),
    ("profile", "14dad69e-099b-42c9-810b-d002981feec1"),
    ("email", "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0"),
    ("offline_access", "7427e0e9-2fba-42fe-b0c0-848c9e6a8182"),
    ("User.Read", "e1fe6dd8-ba31-4d61-89e7-88639da4683d"),
    ("User.Read.All", "a154be20-db9c-4678-8ab7-66f6cc099a59"),
    ("Mail.Send", "e383f46e-2787-4529-855e-0e479a3ffac0"),
    ("Mail.Send.Shared", "a367ab51-6b49-43bf-a716-a1fb06d2a174"),
    ("Mail.Read", "570282fd-fa5c-430d-a7fd-fc8dc98a9dca"),
    ("Mail.Read.Shared", "7b9103a5-4610-446b-9670-80643382c1fa"),
    ("Mail.ReadWrite", "024d486e-b451-40bb-833d-3e66d98c5c73"),
    ("Mail.ReadWrite.Shared", "5df07973-7d5d-46ed-9847-1271055cbd51"),
    ("MailboxSettings.Read", "87f447af-9fa4-4c32-9dfa-4a57a73d18ce"),
    ("SMTP.Send", "258f6531-6087-4cc4-bb90-092c5fb3ed3f"),
    ("IMAP.AccessAsUser.All", "652390e4-393a-48de-9484-05f9b1212954"),
    ("POP.AccessAsUser.All", "d7b7f2d9-0f45-4ea1-9d42-e50810c06991"),
    ("Application.Read.All", "c79f8feb-a9db-4090-85f9-90d820caa0eb"),
    ("Application.ReadWrite.All", "bdfbf15f-ee85-4955-8675-146e8e5296b5"),
    ("AppRoleAssignment.ReadWrite.All", "84bccea3-f856-4a8a-967b-dbe0a3d53a64"),
    ("DelegatedPermissionGrant.ReadWrite.All", "41ce6ca6-6826-4807-84f1-1c82854f7ee5"),
    ("Organization.Read.All", "4908d5b9-3fb2-4b1e-9336-1888b7937185"),
];

/// Application permissions.
const ROLES: &[(&str, &str)] = &[
    ("Mail.Send", "b633e1c5-b582-4048-a93e-9f11b44c7e96"),
    ("Mail.Read", "810c84a8-4a9e-49e6-bf7d-12d183f40d01"),
    ("Mail.ReadWrite", "e2a3a72e-5f79-4c64-b1b1-878b674786c9"),
    ("MailboxSettings.Read", "40f97065-369a-49f4-947c-6a255697ae91"),
    ("User.Read.All", "df021288-bdef-4463-88db-98f22de89214"),
    ("Application.Read.All", "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"),
    ("Application.ReadWrite.OwnedBy", "18a4783c-866b-4cc7-a460-3d5e5662c884"),
    ("Application.ReadWrite.All", "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9"),
    ("AppRoleAssignment.ReadWrite.All", "06b708a9-e830-4db3-a914-8e69da51d44f"),
    ("DelegatedPermissionGrant.ReadWrite.All", "8e8e4742-1d95-4f68-9d56-6ee75648c72a"),
    ("Organization.Read.All", "498476ce-e0fe-48b0-b801-37ba7e2685c6"),
    ("SMTP.SendAsApp", "7146a1f0-8703-45b3-9eae-527a64c00995"),
    ("IMAP.AccessAsApp", "5e5addcd-3e8d-4e90-baf5-964efab2b20a"),
    ("POP.AccessAsApp", "cb842b43-da6e-4506-86fe-bb12199c656d"),
];

/// The id of a delegated permission.
pub(crate) fn scope(name: &str) -> &'static str {
    id_of(SCOPES, name)
}

/// The id of an application permission.
pub(crate) fn role(name: &str) -> &'static str {
    id_of(ROLES, name)
}

/// The delegated permission of this id.
pub(crate) fn delegated(resource: Resource, id: &str) -> Option<DelegatedPermission> {
    delegated_permission(resource, name_of(SCOPES, id)?)
}

/// The application permission of this id.
pub(crate) fn application(resource: Resource, id: &str) -> Option<ApplicationPermission> {
    let name = name_of(ROLES, id)?;
    applications().find(|one| one.name() == name && one.resource() == resource)
}

/// `appRoles` of a service.
pub(crate) fn roles_json(resource: Resource) -> Vec<Value> {
    let of = applications().filter(|one| one.resource() == resource);
    of.map(|one| {
        json!({"allowedMemberTypes": ["Application"], "displayName": one.says(), "id": role(one.name()), "isEnabled": true,
            "origin": "Application", "value": one.name()})
    })
    .collect()
}

/// `oauth2PermissionScopes` of a service; those of Exchange's SMTP are shown under Graph only (facts 3.4).
pub(crate) fn scopes_json(resource: Resource) -> Vec<Value> {
    let of = delegations().filter(|one| one.resource() == resource && resource == Resource::Graph);
    of.map(|one| {
        json!({"adminConsentDisplayName": one.says(), "id": scope(one.name()), "isEnabled": true,
            "type": if one.admin_only() { "Admin" } else { "User" }, "value": one.name()})
    })
    .collect()
}

fn id_of(table: &'static [(&str, &str)], name: &str) -> &'static str {
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, id)| *id)
        .expect("a test holds each permission to an id")
}

fn name_of(table: &'static [(&str, &str)], id: &str) -> Option<&'static str> {
    table.iter().find(|(_, known)| known.eq_ignore_ascii_case(id)).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_of_the_catalogue_has_an_id_and_is_found_by_it() {
        for one in applications() {
            assert_eq!(application(one.resource(), role(one.name())), Some(one));
        }
        for one in delegations() {
            assert_eq!(delegated(one.resource(), scope(one.name())), Some(one));
        }
    }
}
