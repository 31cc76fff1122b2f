/* check-target, and the policy as the settings have it. */
#include "ctl/policy.h"

enum err policy_read(const struct ctl *ctl, struct target_policy *out, struct errmsg *why)
{
    const struct settings *s = &ctl->settings.common;
    return target_policy_make(s->allow_http, s->allow_targets, s->deny_targets, out, why);
}

/* NULL: allowed. why holds the text where the rule is not a literal. */
static const char *refusal(const struct target_policy *policy, const char *text, struct errmsg *why)
{
    struct address address;
    struct target target = {0};
    if (address_parse(slice_str(text), &address) == ERR_OK) {
        return target_address_refused(policy, &address);
    }
    const char *rule = target_parse(policy, text, &target, why) == ERR_OK ? NULL : why->text;
    target_done(&target);
    return rule;
}

static int check_target(struct ctl *ctl, const void *args)
{
    struct target_policy policy;
    struct errmsg why;
    (void)args;
    enum err err = policy_read(ctl, &policy, &why);
    if (err != ERR_OK) {
        return ctl_usage("%s", why.text);
    }
    const char *rule = refusal(&policy, ctl->argument, &why);
    (void)printf(rule ? "refused: %s\n" : "allowed\n", rule);
    target_policy_done(&policy);
    return rule ? CTL_FAILED : CTL_OK;
}

const struct command command_check_target = {
    .name = "check-target",
    .argument = "URL-OR-ADDRESS",
    .help = "Says whether the target policy allows a URL or an IP address: \"allowed\", or \"refused: RULE\" and exit 1.\n"
            "Names are not resolved here; each address is checked again when a delivery connects.",
    .needs = COMMAND_SETTINGS,
    .run = check_target,
};
