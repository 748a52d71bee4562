// SPDX-License-Identifier: MIT

//! amdgpu's own options in place of the module: which of the policies they cover.

use super::found::Policy;
use crate::policy::{self, Param};
use crate::sysfs::amdgpu::Amdgpu;

/// Said of what only rmcp could tell.
const UNKNOWN: &str = "unknown";

/// The policies, as far as amdgpu's options go.
pub(super) fn policies(amdgpu: &Amdgpu) -> Vec<Policy> {
    let option = |param: &'static Param, live: Option<&str>| {
        let wanted = default(param);
        Policy {
            name: param.name,
            in_force: live == Some(&wanted),
            note: "by amdgpu's option".to_owned(),
            driver_default: UNKNOWN.to_owned(),
            live: live.unwrap_or(UNKNOWN).to_owned(),
            wanted,
        }
    };
    vec![
        option(&policy::NORETRY, amdgpu.noretry.as_deref()),
        option(&policy::FRAGMENT_SIZE, amdgpu.vm_fragment_size.as_deref()),
        Policy {
            name: policy::MTYPE_CC.name,
            wanted: default(&policy::MTYPE_CC),
            live: UNKNOWN.to_owned(),
            driver_default: UNKNOWN.to_owned(),
            in_force: false,
            note: "not covered: amdgpu has no option for it".to_owned(),
        },
    ]
}

/// The word that stands for the parameter's default.
fn default(param: &Param) -> String {
    param.words[0].0.to_owned()
}
