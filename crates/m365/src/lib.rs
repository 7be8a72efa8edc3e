//! The way to Microsoft: signs in to Entra ID, keeps tokens, brings mail to Graph or Exchange Online.
//!
//! What it must never do: send a credential anywhere but to the login host of the account's cloud, let a
//! secret out by `Debug`, an error or a log line, or drop a refresh token before its successor is stored.
//! Neighbours: `mail` (what a message is), `certs` (whose key signs our assertions), and on the other side
//! of the wall Entra ID, Microsoft Graph and Exchange Online; `postern` gives the account, time and store.
//!
//! The usual way through: a [`cloud::Cloud`] gets a [`connection::Connection`]; [`authorize`] (or
//! [`device_code`]) signs a person in and leaves a refresh token with the [`grant_keeper::GrantKeeper`];
//! [`token::Tokens`] gives access tokens from then on; [`state::AccountState`] says where an account stands;
//! the [`courier::Courier`] brings a [`parcel::Parcel`] to its end.
//! Everything that fails does so as a [`Failure`]. Beginning a flow takes the connection and is async,
//! because a plain OpenID provider's doors are known from its discovery document only.

pub mod account;
pub mod authorize;
pub mod cloud;
pub mod connection;
pub mod courier;
pub mod device_code;
pub mod diagnosis;
#[cfg(any(test, fuzzing))]
pub mod dirt;
pub mod failure;
pub mod grant_keeper;
pub mod graph;
mod id_token;
pub mod outcome;
pub mod parcel;
mod provider;
pub mod proxy;
pub mod scope;
#[cfg(test)]
mod scripted;
pub mod secret;
mod signed_in;
pub(crate) mod smtp;
pub mod state;
pub mod tenant;
pub mod test_mail;
#[cfg(test)]
mod testing;
pub mod token;
pub mod trust;
mod tunnel;

pub use failure::Failure;
