/* check-target, and the policy as the settings have it. */
#include "ctl/policy.h"

enum err policy_read(const struct ctl *ctl, struct address_list **exempt, struct target_policy *out, struct errmsg *why)
{
    struct errmsg inner;
    if (address_list_parse(ctl->settings.common.allow_targets, exempt, &inner) != ERR_OK) {
        return errmsg_set(why, ERR_INVALID, "TRUEFTP_ALLOW_TARGETS: %.400s", inner.text);
    }
    *out = (struct target_policy){.allow_http = ctl->settings.common.allow_http, .exempt = *exempt};
    return ERR_OK;
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
    struct address_list *exempt = NULL;
    struct target_policy policy;
    struct errmsg why;
    (void)args;
    enum err err = policy_read(ctl, &exempt, &policy, &why);
    if (err != ERR_OK) {
        return ctl_usage("%s", why.text);
    }
    const char *rule = refusal(&policy, ctl->argument, &why);
    (void)printf(rule ? "refused: %s\n" : "allowed\n", rule);
    address_list_free(exempt);
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
