/* Titles, descriptions and metadata of others, of domains and of networks. */
#include <string.h>

#include "vmsh/vmsh.h"

enum { METADATA_DESCRIPTION, METADATA_TITLE, METADATA_ELEMENT };

/* What is described, and which part of it is meant. */
typedef struct MetadataSubject {
    const char *kind; /* "domain" */
    gboolean is_network;
    DomainRef dom;
    NetworkRef net;
    gint32 type;
    const char *uri, *key;
    guint flags;
} MetadataSubject;

#define METADATA_IMPACT                                                                            \
    FLAG("live", "modify/get running state"),                                                      \
        FLAG("config", "modify/get persistent configuration"),                                     \
        FLAG("current", "modify/get current state configuration")

static gboolean
subject_get(Shell *s, const Args *a, MetadataSubject *subject, GError **err)
{
    if (!domain_impact(a, &subject->flags, err))
        return FALSE;
    return subject->is_network ? network_lookup(s, args_string(a, "network"), &subject->net, err)
                               : domain_get(s, a, &subject->dom, err);
}

static gboolean
subject_ask(Shell *s, const MetadataSubject *subject, const char **ret_text, GError **err)
{
    DomainGetMetadataArgs of_domain = { subject->dom, subject->type, subject->uri, subject->flags };
    NetworkGetMetadataArgs of_network = { subject->net, subject->type, subject->uri,
                                          subject->flags };
    DomainGetMetadataRet ret = { 0 }; /* of both */
    gboolean ok = subject->is_network ? call(s, PROC_NETWORK_GET_METADATA, &of_network, &ret, err)
                                      : call(s, PROC_DOMAIN_GET_METADATA, &of_domain, &ret, err);

    if (ok)
        *ret_text = ret.metadata;
    return ok;
}

/* *ret_text is NULL when there is none. */
static gboolean
metadata_get(Shell *s, const MetadataSubject *subject, const char **ret_text, GError **err)
{
    g_autoptr(GError) why = NULL;

    *ret_text = NULL;
    if (subject_ask(s, subject, ret_text, &why) || error_is(why, ERR_NO_METADATA) ||
        error_is(why, ERR_NO_NETWORK_METADATA))
        return TRUE;
    g_propagate_error(err, g_steal_pointer(&why));
    return FALSE;
}

/* text NULL takes it away. */
static gboolean
metadata_set(Shell *s, const MetadataSubject *subject, const char *text, GError **err)
{
    DomainSetMetadataArgs of_domain = { subject->dom, subject->type, text,
                                        subject->key, subject->uri,  subject->flags };
    NetworkSetMetadataArgs of_network = { subject->net, subject->type, text,
                                          subject->key, subject->uri,  subject->flags };

    return subject->is_network ? call(s, PROC_NETWORK_SET_METADATA, &of_network, NULL, err)
                               : call(s, PROC_DOMAIN_SET_METADATA, &of_domain, NULL, err);
}

/* ---- description and title */

#define DESC_OPTIONS                                                                               \
    METADATA_IMPACT, FLAG("title", "modify/get the title instead of description"),                 \
        FLAG("edit", "open an editor to modify the description"),                                  \
        { "new-desc", OPTION_REST, 0, NULL, "message" }, OPTION_END

static const Option desc_options[] = { DOMAIN_OPTION(complete_domains), DESC_OPTIONS };
static const Option net_desc_options[] = { NETWORK_OPTION, DESC_OPTIONS };

static gboolean
desc_show(Shell *s, const MetadataSubject *subject, GError **err)
{
    const char *text;

    if (!metadata_get(s, subject, &text, err))
        return FALSE;
    if (text && *text)
        put(s, "%s", text);
    else
        remark(s, "No %s for %s: %s", subject->type == METADATA_TITLE ? "title" : "description",
               subject->kind, subject->is_network ? subject->net.name : subject->dom.name);
    return TRUE;
}

/* *ret_text is NULL when the user has left it as it was. */
static gboolean
desc_edited(Shell *s, const MetadataSubject *subject, const char *given, char **ret_text,
            GError **err)
{
    const char *text = given;

    if (!given && !metadata_get(s, subject, &text, err))
        return FALSE;
    if (!edit_text(s, text ? text : "", ".txt", ret_text, err))
        return FALSE;
    if (*ret_text)
        g_strchomp(*ret_text);
    return TRUE;
}

/* "Domain", of the kind "domain". */
static char *
kind_first(const MetadataSubject *subject)
{
    char *kind = g_strdup(subject->kind);

    kind[0] = g_ascii_toupper(kind[0]);
    return kind;
}

static gboolean
describe(Shell *s, const Args *a, MetadataSubject *subject, GError **err)
{
    const char *what = args_flag(a, "title") ? "title" : "description";
    g_autofree char *kind = kind_first(subject);
    g_autofree char *text = args_rest_joined(a, "new-desc");

    subject->type = args_flag(a, "title") ? METADATA_TITLE : METADATA_DESCRIPTION;
    if (!subject_get(s, a, subject, err))
        return FALSE;
    if (!text && !args_flag(a, "edit"))
        return desc_show(s, subject, err);
    if (args_flag(a, "edit")) {
        g_autofree char *given = g_steal_pointer(&text);
        if (!desc_edited(s, subject, given, &text, err))
            return FALSE;
        if (!text) {
            remark(s, "%s %s not changed", kind, what);
            return TRUE;
        }
    }
    doing(s, "Failed to set new %s %s", subject->kind, what);
    if (!shell_connect(s, err) || !metadata_set(s, subject, *text ? text : NULL, err))
        return FALSE;
    remark(s, "%s %s updated successfully", kind, what);
    return TRUE;
}

static gboolean
run_desc(Shell *s, const Args *a, GError **err)
{
    MetadataSubject subject = { .kind = "domain" };

    return describe(s, a, &subject, err);
}

static gboolean
run_net_desc(Shell *s, const Args *a, GError **err)
{
    MetadataSubject subject = { .kind = "network", .is_network = TRUE };

    return describe(s, a, &subject, err);
}

/* ---- metadata of others */

#define METADATA_OPTIONS                                                                           \
    { "uri", OPTION_STRING, OPTION_REQUIRED, NULL, "URI of the namespace" }, METADATA_IMPACT,      \
        FLAG("edit", "use an editor to change the metadata"),                                      \
        { "key", OPTION_STRING, OPTION_NAMED, NULL, "key to be used as a namespace identifier" },  \
        { "set", OPTION_STRING, OPTION_NAMED, NULL, "new metadata to set" },                       \
        FLAG("remove", "remove the metadata corresponding to an uri"), OPTION_END

static const Option metadata_options[] = { DOMAIN_OPTION(complete_domains), METADATA_OPTIONS };
static const Option net_metadata_options[] = { NETWORK_OPTION, METADATA_OPTIONS };

static gboolean
metadata_apply(Shell *s, const char *text, gboolean validate, gpointer user, GError **err)
{
    return metadata_set(s, user, text, err);
}

static gboolean
metadata_edit(Shell *s, MetadataSubject *subject, GError **err)
{
    const char *text;
    gboolean changed;

    if (!metadata_get(s, subject, &text, err) ||
        !edit_and_apply(s, text ? text : "\n", ".xml", FALSE, metadata_apply, subject, &changed,
                        err))
        return FALSE;
    remark(s, "%s\n", changed ? "Metadata modified" : "Metadata not changed");
    return TRUE;
}

static gboolean
metadata_show(Shell *s, const MetadataSubject *subject, GError **err)
{
    const char *text = NULL;

    if (!subject_ask(s, subject, &text, err))
        return FALSE;
    put(s, "%s\n", text);
    return TRUE;
}

static gboolean
annotate(Shell *s, const Args *a, MetadataSubject *subject, GError **err)
{
    const char *text = args_string(a, "set");
    gboolean remove = args_flag(a, "remove"), edit = args_flag(a, "edit");

    subject->type = METADATA_ELEMENT;
    subject->uri = args_string(a, "uri");
    subject->key = args_string(a, "key");
    if (!args_exclusive(a, "edit", "set", err) || !args_exclusive(a, "edit", "remove", err) ||
        !args_exclusive(a, "set", "remove", err))
        return FALSE;
    if ((edit || text) && !subject->key)
        return refuse(err, "namespace key is required when modifying metadata");
    if (!subject_get(s, a, subject, err))
        return FALSE;
    if (edit)
        return metadata_edit(s, subject, err);
    if (!text && !remove)
        return metadata_show(s, subject, err);
    if (!metadata_set(s, subject, text, err))
        return FALSE;
    remark(s, "%s\n", remove ? "Metadata removed" : "Metadata modified");
    return TRUE;
}

static gboolean
run_metadata(Shell *s, const Args *a, GError **err)
{
    MetadataSubject subject = { .kind = "domain" };

    return annotate(s, a, &subject, err);
}

static gboolean
run_net_metadata(Shell *s, const Args *a, GError **err)
{
    MetadataSubject subject = { .kind = "network", .is_network = TRUE };

    return annotate(s, a, &subject, err);
}

const Command metadata_commands[] = {
    { "desc", "show or set domain's description or title",
      "Allows setting or modifying the description or title of a domain.", desc_options, run_desc },
    { "metadata", "show or set domain's custom XML metadata",
      "Shows or modifies the XML metadata of a domain.", metadata_options, run_metadata },
    { 0 },
};

const Command network_metadata_commands[] = {
    { "net-desc", "show or set network's description or title",
      "Allows setting or modifying the description or title of a network.", net_desc_options,
      run_net_desc },
    { "net-metadata", "show or set network's custom XML metadata",
      "Shows or modifies the XML metadata of a network.", net_metadata_options, run_net_metadata },
    { 0 },
};
