/* Commands about secrets. A value is wiped as soon as it is sent or shown. */
#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "vmsh/vmsh.h"

#define VALUE_FILE_MAX (1 << 20)

static char **complete_secrets(Shell *s);

#define SECRET_OPTION                                                                              \
    {                                                                                              \
        "secret", OPTION_STRING, OPTION_REQUIRED, complete_secrets, "secret UUID"                  \
    }

static void
bytes_wipe(GByteArray **bytes)
{
    if (*bytes && (*bytes)->len > 0)
        explicit_bzero((*bytes)->data, (*bytes)->len);
    g_clear_pointer(bytes, g_byte_array_unref);
}
#define wiped __attribute__((cleanup(bytes_wipe)))

static gboolean
list_secrets(Shell *s, guint32 flags, ConnectListAllSecretsRet *ret, GError **err)
{
    const ConnectListAllSecretsArgs args = { .need_results = 1, .flags = flags };

    return call(s, PROC_CONNECT_LIST_ALL_SECRETS, &args, ret, err);
}

static char **
complete_secrets(Shell *s)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    ConnectListAllSecretsRet ret = { 0 };
    char uuid[UUID_TEXT_LEN];

    if (list_secrets(s, 0, &ret, NULL))
        for (guint i = 0; i < ret.secrets.n; i++) {
            uuid_text(ret.secrets.v[i].uuid, uuid);
            g_strv_builder_add(names, uuid);
        }
    return g_strv_builder_end(names);
}

static gboolean
secret_get(Shell *s, const Args *a, StoredSecretRef *ret_secret, GError **err)
{
    const char *text = args_string(a, "secret");
    SecretLookupByUuidArgs args;
    SecretLookupByUuidRet ret = { 0 };

    doing(s, "failed to get secret '%s'", text);
    if (!uuid_parse(text, args.uuid))
        return refuse(err, "'%s' is no UUID", text);
    if (!call(s, PROC_SECRET_LOOKUP_BY_UUID, &args, &ret, err))
        return FALSE;
    *ret_secret = ret.secret;
    g_clear_pointer(&s->doing, g_free);
    return TRUE;
}

/* ---- definitions */

static const Option define_options[] = {
    { "file", OPTION_STRING, OPTION_REQUIRED, NULL, "file containing secret attributes in XML" },
    FLAG("validate", "validate the XML against the schema"),
    OPTION_END,
};

static gboolean
run_define(Shell *s, const Args *a, GError **err)
{
    g_autofree char *xml = NULL;
    SecretDefineXmlArgs args = { .flags = args_flag(a, "validate") };
    SecretDefineXmlRet ret = { 0 };
    char uuid[UUID_TEXT_LEN];

    if (!xml_file(args_string(a, "file"), &xml, err))
        return FALSE;
    args.xml = xml;
    doing(s, "Failed to set attributes from %s", args_string(a, "file"));
    if (!call(s, PROC_SECRET_DEFINE_XML, &args, &ret, err))
        return FALSE;
    uuid_text(ret.secret.uuid, uuid);
    remark(s, "Secret %s created\n", uuid);
    return TRUE;
}

static const Option secret_options[] = { SECRET_OPTION, OPTION_END };

static gboolean
run_undefine(Shell *s, const Args *a, GError **err)
{
    SecretUndefineArgs args;

    if (!secret_get(s, a, &args.secret, err))
        return FALSE;
    doing(s, "Failed to delete secret %s", args_string(a, "secret"));
    if (!call(s, PROC_SECRET_UNDEFINE, &args, NULL, err))
        return FALSE;
    remark(s, "Secret %s deleted\n", args_string(a, "secret"));
    return TRUE;
}

static const Option dumpxml_options[] = { SECRET_OPTION, XPATH_OPTIONS, OPTION_END };

static gboolean
run_dumpxml(Shell *s, const Args *a, GError **err)
{
    SecretGetXmlDescArgs args = { 0 };
    SecretGetXmlDescRet ret = { 0 };

    return secret_get(s, a, &args.secret, err) &&
           call(s, PROC_SECRET_GET_XML_DESC, &args, &ret, err) && doc_print(s, a, ret.xml, err);
}

/* ---- the list */

static const Option list_options[] = {
    FLAG("ephemeral", "list ephemeral secrets"),
    FLAG("no-ephemeral", "list non-ephemeral secrets"),
    FLAG("private", "list private secrets"),
    FLAG("no-private", "list non-private secrets"),
    OPTION_END,
};

static const FlagBit list_bits[] = {
    { "ephemeral", 1 }, { "no-ephemeral", 2 }, { "private", 4 }, { "no-private", 8 }, { 0 }
};

static gboolean
run_list(Shell *s, const Args *a, GError **err)
{
    static const Column columns[] = { { "UUID", "uuid", COLUMN_TEXT },
                                      { "Usage", "usage", COLUMN_TEXT } };
    static const char *const usages[] = { "Unused", "volume", "ceph", "iscsi", "tls", "vtpm" };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));
    ConnectListAllSecretsRet ret = { 0 };
    char uuid[UUID_TEXT_LEN];

    doing(s, "Failed to list secrets");
    if (!list_secrets(s, args_bits(a, list_bits), &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.secrets.n; i++) {
        const StoredSecretRef *ref = &ret.secrets.v[i];
        const char *what = nth(usages, G_N_ELEMENTS(usages), ref->usage_type, "unknown");
        g_autofree char *usage = ref->usage_type ? g_strdup_printf("%s %s", what, ref->usage_id)
                                                 : g_strdup(what);
        uuid_text(ref->uuid, uuid);
        table_add(table, uuid, usage);
    }
    table_print(s, table);
    return TRUE;
}

/* ---- values */

static const Option get_options[] = {
    SECRET_OPTION,
    FLAG("plain", "get value without converting to base64"),
    OPTION_END,
};

static gboolean
run_get_value(Shell *s, const Args *a, GError **err)
{
    SecretGetValueArgs args = { 0 };
    SecretGetValueRet ret = { 0 };
    char *text;

    if (!secret_get(s, a, &args.secret, err) || !call(s, PROC_SECRET_GET_VALUE, &args, &ret, err))
        return FALSE;
    if (args_flag(a, "plain")) {
        fwrite(ret.value.v, 1, ret.value.n, stdout);
    } else {
        text = g_base64_encode(ret.value.v, ret.value.n);
        put(s, "%s\n", text);
        explicit_bzero(text, strlen(text));
        g_free(text);
    }
    fflush(stdout);
    explicit_bzero((guint8 *)ret.value.v, ret.value.n);
    return TRUE;
}

static const Option set_options[] = {
    SECRET_OPTION,
    { "file", OPTION_STRING, OPTION_NAMED, NULL, "read secret from file" },
    FLAG("plain", "read the secret from file without converting from base64"),
    FLAG("interactive", "read the secret from the terminal"),
    { "base64", OPTION_STRING, 0, NULL, "base64-encoded secret value" },
    OPTION_END,
};

/* Bytes from a terminal that does not show them, without the end of the line. */
static gboolean
ask_value(GByteArray *to, GError **err)
{
    struct termios shown, hidden;
    guint8 byte;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &shown) < 0)
        return refuse(err, "--interactive needs a terminal");
    hidden = shown;
    hidden.c_lflag &= (tcflag_t)~ECHO;
    fprintf(stderr, "Enter new value for secret:");
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
        g_byte_array_append(to, &byte, 1);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return to->len > 0 || refuse(err, "Failed to read secret");
}

static gboolean
from_base64(const char *text, GByteArray *to, GError **err)
{
    gsize len;
    guint8 *bytes = g_base64_decode(text, &len);

    g_byte_array_append(to, bytes, (guint)len);
    explicit_bzero(bytes, len);
    g_free(bytes);
    return len > 0 || refuse(err, "the value is no base64");
}

static gboolean
read_value(const Args *a, GByteArray *to, GError **err)
{
    const char *path = args_string(a, "file");
    char *text;
    gsize len;
    gboolean ok = TRUE;

    if (!file_read(path, VALUE_FILE_MAX, &text, &len, err))
        return FALSE;
    if (args_flag(a, "plain"))
        g_byte_array_append(to, (const guint8 *)text, (guint)len);
    else
        ok = from_base64(text, to, err);
    explicit_bzero(text, len);
    g_free(text);
    return ok;
}

static gboolean
value_of(Shell *s, const Args *a, GByteArray *to, GError **err)
{
    const char *base64 = args_string(a, "base64");

    if (!args_exclusive(a, "file", "base64", err) || !args_exclusive(a, "plain", "base64", err) ||
        !args_exclusive(a, "interactive", "base64", err) ||
        !args_exclusive(a, "interactive", "file", err))
        return FALSE;
    if (args_flag(a, "interactive"))
        return ask_value(to, err);
    if (args_string(a, "file"))
        return read_value(a, to, err);
    if (!base64)
        return refuse(err, "Input secret value is missing");
    fprintf(stderr, "error: Passing secret value as command-line argument is insecure!\n");
    return from_base64(base64, to, err);
}

static gboolean
run_set_value(Shell *s, const Args *a, GError **err)
{
    wiped GByteArray *value = g_byte_array_new();
    SecretSetValueArgs args = { 0 };

    if (!secret_get(s, a, &args.secret, err) || !value_of(s, a, value, err))
        return FALSE;
    args.value.v = value->data;
    args.value.n = value->len;
    doing(s, "Failed to set secret value");
    if (!call(s, PROC_SECRET_SET_VALUE, &args, NULL, err))
        return FALSE;
    remark(s, "Secret value set\n");
    return TRUE;
}

const Command secret_commands[] = {
    { "secret-define", "define or modify a secret from an XML file",
      "Define or modify a secret. What it is for cannot be changed, nor can a private one be made "
      "one that is shown.",
      define_options, run_define, 0 },
    { "secret-dumpxml", "secret attributes in XML",
      "Output attributes of a secret as an XML dump to stdout.", dumpxml_options, run_dumpxml, 0 },
    { "secret-get-value", "Output a secret value",
      "Output a secret value to stdout. That of a private secret is not given out.", get_options,
      run_get_value, 0 },
    { "secret-list", "list secrets", "Returns a list of secrets", list_options, run_list,
      COMMAND_JSON },
    { "secret-set-value", "set a secret value",
      "Set a secret value, from a file or from the terminal.", set_options, run_set_value, 0 },
    { "secret-undefine", "undefine a secret", "Undefine a secret and remove its value.",
      secret_options, run_undefine, 0 },
    { 0 },
};
