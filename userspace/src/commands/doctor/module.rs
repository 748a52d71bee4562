// SPDX-License-Identifier: MIT

//! The loaded module.

use super::finding::{Check, Finding};
use super::kernels::another_kernel;
use super::Patient;
use crate::commands::not_loaded::NotLoaded;
use crate::policy::State;
use crate::sysfs::rmcp::{Keepers, Module};

const MODULE: Check = Check {
    name: "module",
    why: "only a loaded module guards anything",
    source: "/sys/module/rmcp/guard",
};

pub(super) fn examine(patient: &Patient) -> Vec<Finding> {
    let module = match &patient.keepers {
        Ok(Keepers {
            amdgpu: Some(_),
            rmcp,
        }) => return vec![not_needed(rmcp.as_ref())],
        Ok(Keepers { rmcp: None, .. }) => return vec![not_loaded(patient)],
        Ok(Keepers {
            rmcp: Some(module), ..
        }) => module,
        Err(why) => return vec![MODULE.skipped(why.clone())],
    };
    let reason = module.reason.as_deref().unwrap_or("no reason given");
    let is = |state: State| module.state.as_deref() == Some(state.as_str());
    vec![if is(State::Armed) {
        MODULE.good(format!("rmcp is armed: {reason}"))
    } else if is(State::Refused) {
        MODULE
            .error(format!("rmcp refused: {reason}"))
            .mend("rmcp-kctl install, which builds it for this amdgpu")
            .mend("reboot")
    } else if is(State::ReportOnly) {
        MODULE
            .warning(format!("rmcp only reports and changes nothing: {reason}"))
            .mend("take enforce=0 out of modprobe.d and rmcp.enforce=0 off the kernel command line")
    } else {
        MODULE.skipped("rmcp is loaded but does not say its state")
    }]
}

/// Where amdgpu has the policy itself, rmcp guards nothing, and whatever it is, is well.
fn not_needed(rmcp: Option<&Module>) -> Finding {
    let rmcp = match rmcp {
        Some(rmcp) => format!(
            "rmcp is beside it: {}",
            rmcp.reason.as_deref().unwrap_or("no reason given")
        ),
        None => "rmcp is not loaded, and need not be".to_owned(),
    };
    MODULE.good(format!("amdgpu has the policy itself; {rmcp}"))
}

fn not_loaded(patient: &Patient) -> Finding {
    if !patient.concerned() {
        return MODULE.note("rmcp is not loaded");
    }
    match NotLoaded::why(patient.root, patient.running.as_deref()) {
        NotLoaded::Installed => MODULE
            .error("rmcp is installed for the running kernel but not loaded")
            .mend("reboot")
            .mend("if it is not loaded then either: modprobe rmcp; dmesg | grep -i rmcp"),
        NotLoaded::ParamsOnly => MODULE.warning(
            "rmcp is not loaded: amdgpu's own options stand in for it, which cover noretry and \
             fragment_size, not mtype_cc",
        ),
        NotLoaded::CannotHave(why) => MODULE
            .error(format!(
                "rmcp is not loaded: the running kernel cannot have it: {why}"
            ))
            .mend(another_kernel()),
        NotLoaded::NotInstalled => MODULE
            .error("rmcp is not loaded, nor installed for the running kernel")
            .mend("rmcp-kctl install")
            .mend("reboot"),
    }
}
