//! Which profile is selected: that of the settings, of a variable, or the one named `default`.

use std::{borrow::Cow, env, ffi::OsString};

use crate::{
    aws_credentials::{section_names::sdk_name, variables},
    error::Result,
};

/// The variables that name a profile, in the order of boto3 and the AWS CLI.
const VARIABLES: [&str; 2] = ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"];

const DEFAULT: &str = "default";

/// Where a profile was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProfileChoice {
    Settings,
    /// The variable of this name.
    Variable(&'static str),
    /// Nowhere: it is the one named `default`.
    Default,
}

/// The name of a profile, and where it was selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SelectedProfile {
    pub(crate) name: String,
    pub(crate) choice: ProfileChoice,
}

impl SelectedProfile {
    /// The profile of the settings, else of a variable, else `default`.
    pub(crate) fn of(settings: Option<&str>) -> Self {
        Self::by(settings, |name| env::var_os(name))
    }

    /// Selects the profile by the variables of `env`.
    pub(crate) fn by(settings: Option<&str>, env: impl Fn(&str) -> Option<OsString>) -> Self {
        if let Some(name) = settings {
            return Self { name: name.to_owned(), choice: ProfileChoice::Settings };
        }
        let set = |variable| {
            let name = env(variable)?.to_str()?.trim().to_owned();
            // An empty variable counts as unset, as CI systems set it so.
            (!name.is_empty()).then_some((name, variable))
        };
        match VARIABLES.into_iter().find_map(set) {
            // Some environments always set it to `default`, even where there are no profiles.
            Some((name, variable)) if name != DEFAULT => Self { name, choice: ProfileChoice::Variable(variable) },
            _ => Self { name: DEFAULT.to_owned(), choice: ProfileChoice::Default },
        }
    }

    /// Checks the variables that may select the profile, where the settings name none.
    ///
    /// # Errors
    /// `Config` if the one that would is not UTF-8: the next source is another identity.
    pub(crate) fn check(settings: Option<&str>) -> Result<()> {
        for variable in VARIABLES.into_iter().filter(|_| settings.is_none()) {
            if variables::text(variable)?.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// The name as the SDK has it.
    pub(crate) fn sdk_name(&self) -> Cow<'_, str> {
        sdk_name(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_win_then_the_variables_as_in_boto3() {
        let (variable, default) = (ProfileChoice::Variable, ProfileChoice::Default);
        for (settings, of_default, of_profile, expected) in [
            (Some("s"), Some("d"), Some("p"), ("s", ProfileChoice::Settings)),
            (None, Some("d"), Some("p"), ("d", variable("AWS_DEFAULT_PROFILE"))),
            (None, Some(" "), Some("p\n"), ("p", variable("AWS_PROFILE"))),
            (None, None, Some("x y"), ("x y", variable("AWS_PROFILE"))),
            (None, None, Some("default"), ("default", default)),
            (None, Some(""), None, ("default", default)),
            (Some("default"), None, None, ("default", ProfileChoice::Settings)),
        ] {
            let env = |name: &str| if name == "AWS_PROFILE" { of_profile } else { of_default }.map(OsString::from);
            let SelectedProfile { name, choice } = SelectedProfile::by(settings, env);
            assert_eq!((name.as_str(), choice), expected);
        }
    }
}
