// SPDX-License-Identifier: MIT

//! Whether this machine will load the module at its next boot: Secure Boot, lockdown, the module's
//! signature and the keys that the machine trusts, all of it read, none of it guessed. Whether a
//! signature is a true one is not checked: it tells whose it is, and the kernel does the rest.

mod certificate;
mod keys;
mod machine;
mod signature;
mod signature_list;
mod signing_key;
mod sound;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verdict;

use certificate::Certificate;
pub use machine::{Machine, SecureBoot};
pub use verdict::{judge, Verdict};
