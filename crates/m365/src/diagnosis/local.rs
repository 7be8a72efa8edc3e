//! Our own troubles bring their words along; here is only whose turn it is.

use super::Turn;
use crate::failure::LocalTrouble;

pub(super) fn turn(trouble: &LocalTrouble) -> Turn {
    match trouble.code {
        "bare_line_break" | "message_too_large" | "extension_not_offered" => Turn::Sender,
        _ if trouble.is_temporary() => Turn::Wait,
        _ => Turn::PosternAdministrator,
    }
}
