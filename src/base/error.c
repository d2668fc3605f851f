/* The table of errors, and their translation to the wire. A GError holds only the detail; the
 * sentence around it is added when the error is sent to a client. */
#include "base/base.h"

#include <string.h>

/* The header defines macros of these names for callers. */
#undef fail
#undef fail_errno
#undef fail_awaited
#undef fail_prefix

typedef struct ErrRow {
    int code;          /* virErrorNumber */
    int from;          /* virErrorDomain, or an ErrOrigin */
    const char *text;  /* the sentence, %1$s is the detail */
    const char *plain; /* the sentence without a detail; NULL: what is left of text */
} ErrRow;

static const ErrRow rows[N_ERRS] = {
    [ERR_INTERNAL] = { 1, 0, "internal error: %1$s" },
    [ERR_NO_MEMORY] = { 2, 0, "out of memory: %1$s" },
    [ERR_NO_SUPPORT] = { 3, 0, "this function is not supported by the connection driver: %1$s" },
    [ERR_NO_CONNECT] = { 5, 0, "no connection driver available for %1$s",
                         "no connection driver available" },
    [ERR_INVALID_CONN] = { 6, 0, "invalid connection pointer in %1$s" },
    [ERR_INVALID_ARG] = { 8, 0, "invalid argument: %1$s" },
    [ERR_OPERATION_FAILED] = { 9, 0, "operation failed: %1$s" },
    [ERR_XML] = { 27, ORIGIN_DOCUMENT, "XML error: %1$s",
                  "XML description is invalid or not well formed" },
    [ERR_XML_VALUE] = { 27, 5, "XML error: %1$s", "XML description is invalid or not well formed" },
    [ERR_XML_DETAIL] = { 35, ORIGIN_DOCUMENT, "%1$s", "parser error" },
    [ERR_XML_SCHEMA] = { 92, 5, "XML document failed to validate against schema: %1$s" },
    [ERR_DOMAIN_EXISTS] = { 28, 0, "domain %1$s exists already", "this domain exists already" },
    [ERR_DENIED] = { 29, 0, "operation forbidden: %1$s",
                     "operation forbidden for read only access" },
    [ERR_OPEN_FAILED] = { 30, 0, "failed to open configuration file %1$s" },
    [ERR_SYSTEM] = { 38, 0, "%1$s", "system call error" },
    [ERR_RPC] = { 39, 7, "%1$s", "RPC error" },
    [ERR_NO_NAME] = { 21, ORIGIN_DOCUMENT, "missing name information: %1$s",
                      "missing name information" },
    [ERR_NO_SOURCE] = { 19, ORIGIN_DOCUMENT, "missing source information for device %1$s",
                        "missing source information" },
    [ERR_NO_TARGET] = { 20, ORIGIN_DOCUMENT, "missing target information for device %1$s",
                        "missing target information" },
    [ERR_NO_DOMAIN] = { 42, 0, "Domain not found: %1$s" },
    [ERR_NO_NETWORK] = { 43, 0, "Network not found: %1$s" },
    [ERR_NO_POOL] = { 49, 0, "Storage pool not found: %1$s" },
    [ERR_NO_VOLUME] = { 50, 0, "Storage volume not found: %1$s" },
    [ERR_NO_NODE_DEVICE] = { 53, 0, "Node device not found: %1$s" },
    [ERR_NO_INTERFACE] = { 57, 0, "Interface not found: %1$s" },
    [ERR_MULTIPLE_INTERFACES] = { 59, 0, "multiple matching interfaces found: %1$s" },
    [ERR_NO_NWFILTER] = { 62, 0, "Network filter not found: %1$s" },
    [ERR_NO_NWFILTER_BINDING] = { 101, 0, "Network filter binding not found: %1$s" },
    [ERR_NO_SECRET] = { 66, 0, "Secret not found: %1$s" },
    [ERR_NO_SNAPSHOT] = { 72, 0, "Domain snapshot not found: %1$s" },
    [ERR_NO_CHECKPOINT] = { 103, 0, "Domain checkpoint not found: %1$s" },
    [ERR_AUTH_FAILED] = { 45, 60, "authentication failed: %1$s" },
    [ERR_AUTH_CANCELLED] = { 79, 60, "authentication cancelled: %1$s" },
    [ERR_AUTH_UNAVAILABLE] = { 94, 60, "authentication unavailable: %1$s" },
    [ERR_INVALID_MAC] = { 44, 0, "invalid MAC address: %1$s" },
    [ERR_INVALID_STREAM] = { 73, 0, "invalid stream pointer in %1$s", "invalid stream pointer" },
    [ERR_INVALID_NETWORK] = { 36, 0, "invalid network pointer in %1$s" },
    [ERR_NETWORK_EXISTS] = { 37, 0, "network %1$s exists already", "this network exists already" },
    [ERR_INVALID_POOL] = { 46, 0, "invalid storage pool pointer in %1$s" },
    [ERR_INVALID_SECRET] = { 65, 0, "Invalid secret: %1$s", "Invalid secret" },
    [ERR_INVALID_VOLUME] = { 47, 0, "invalid storage volume pointer in %1$s" },
    [ERR_VOLUME_EXISTS] = { 90, 0, "storage volume %1$s exists already",
                            "this storage volume exists already" },
    [ERR_OPERATION_INVALID] = { 55, 0, "Requested operation is not valid: %1$s" },
    [ERR_NOT_RUNNING] = { 55, 20, "Requested operation is not valid: %1$s" },
    [ERR_CONFIG_UNSUPPORTED] = { 67, 0, "unsupported configuration: %1$s" },
    [ERR_TIMEOUT] = { 68, 0, "Timed out during operation: %1$s" },
    [ERR_ARG_UNSUPPORTED] = { 74, 0, "argument unsupported: %1$s" },
    [ERR_ABORTED] = { 78, 0, "operation aborted: %1$s" },
    [ERR_NO_METADATA] = { 80, 20, "metadata not found: %1$s" },
    [ERR_OVERFLOW] = { 82, 0, "numerical overflow: %1$s" },
    [ERR_OPERATION_UNSUPPORTED] = { 84, 0, "Operation not supported: %1$s" },
    [ERR_AGENT_UNRESPONSIVE] = { 86, 0, "Guest agent is not responding: %1$s" },
    [ERR_AGENT_UNSYNCED] = { 97, 0,
                             "guest agent replied with wrong id to guest-sync command: %1$s" },
    [ERR_AGENT_TIMEOUT] = { 112, 0, "guest agent command timed out: %1$s" },
    [ERR_AGENT_FAILED] = { 113, 0, "guest agent command failed: %1$s" },
    [ERR_AGENT_CANNOT] = { 113, 0, "guest agent command failed: %1$s" },
    [ERR_BUSY] = { 87, 0, "resource busy: %1$s" },
    [ERR_ACCESS_DENIED] = { 88, 0, "access denied: %1$s" },
    [ERR_CPU_INCOMPATIBLE] = { 91, 0, "the CPU is incompatible with host CPU: %1$s" },
    [ERR_DEVICE_MISSING] = { 99, 0, "device not found: %1$s" },
    [ERR_HOOK_FAILED] = { 70, 0, "Hook script execution failed: %1$s" },
    [ERR_NO_BACKUP] = { 104, 0, "Domain backup job id not found: %1$s" },
    [ERR_NO_NETWORK_PORT] = { 107, 0, "network port not found: %1$s" },
    [ERR_NETWORK_PORT_EXISTS] = { 106, 0, "network port %1$s exists already" },
    [ERR_NO_HOSTNAME] = { 108, 0, "no hostname found: %1$s" },
    [ERR_NO_SERVER] = { 95, 0, "Server not found: %1$s" },
    [ERR_MULTIPLE_DOMAINS] = { 110, 0, "multiple matching domains found: %1$s" },
    [ERR_NO_NETWORK_METADATA] = { 111, 0, "metadata not found: %1$s" },
    [ERR_PLAIN] = { 1, 0, "%1$s" },
    [ERR_AWAITED] = { 87, 0, "resource busy: %1$s" },
};

static const char slot[] = "%1$s";

/* Beside the text: the errno of ERR_SYSTEM, what ERR_AWAITED waits for, and whether it was found
 * while a document was read. */
typedef struct VmdErrorPrivate {
    int saved_errno;
    char *awaited;
    gboolean of_document;
} VmdErrorPrivate;

static void
vmd_error_private_init(VmdErrorPrivate *priv)
{
    priv->saved_errno = -1;
}

static void
vmd_error_private_copy(const VmdErrorPrivate *from, VmdErrorPrivate *to)
{
    to->saved_errno = from->saved_errno;
    to->awaited = g_strdup(from->awaited);
    to->of_document = from->of_document;
}

static void
vmd_error_private_clear(VmdErrorPrivate *priv)
{
    g_free(priv->awaited);
}

G_DEFINE_EXTENDED_ERROR(VmdError, vmd_error)

gboolean
fail(GError **err, Err code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return FALSE;
    va_start(ap, fmt);
    g_propagate_error(err, g_error_new_valist(VMD_ERROR, code, fmt, ap));
    va_end(ap);
    return FALSE;
}

gboolean
fail_errno(GError **err, int errnum, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    GError *e;
    va_list ap;

    if (!err)
        return FALSE;
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    e = g_error_new(VMD_ERROR, ERR_SYSTEM, "%s: %s", text, g_strerror(errnum));
    vmd_error_get_private(e)->saved_errno = errnum;
    g_propagate_error(err, e);
    return FALSE;
}

gboolean
fail_awaited(GError **err, const char *awaited, const char *fmt, ...)
{
    GError *e;
    va_list ap;

    if (!err)
        return FALSE;
    va_start(ap, fmt);
    e = g_error_new_valist(VMD_ERROR, ERR_AWAITED, fmt, ap);
    va_end(ap);
    vmd_error_get_private(e)->awaited = g_strdup(awaited);
    g_propagate_error(err, e);
    return FALSE;
}

const char *
error_awaited(const GError *err)
{
    return err && error_is(err, ERR_AWAITED) ? vmd_error_get_private(err)->awaited : NULL;
}

gboolean
fail_prefix(GError **err, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    char *whole;
    va_list ap;

    if (!err || !*err)
        return FALSE;
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    whole = g_strconcat(text, (*err)->message, NULL);
    g_free((*err)->message);
    (*err)->message = whole;
    return FALSE;
}

gboolean
error_is(const GError *err, Err code)
{
    return g_error_matches(err, VMD_ERROR, code);
}

static const ErrRow *
row_of(const GError *err)
{
    gboolean ours = err->domain == VMD_ERROR && err->code >= 0 && err->code < N_ERRS;

    return &rows[ours ? err->code : ERR_INTERNAL];
}

/* "internal error: %1$s" without its detail is "internal error". */
static char *
sentence_plain(const ErrRow *row)
{
    gsize n = strlen(row->text) - strlen(slot);

    if (row->plain)
        return g_strdup(row->plain);
    while (n > 0 && strchr(": ", row->text[n - 1]))
        n--;
    return g_strndup(row->text, n);
}

static char *
sentence(const ErrRow *row, const char *detail)
{
    const char *at = strstr(row->text, slot);

    if (detail[0] == '\0')
        return sentence_plain(row);
    return g_strdup_printf("%.*s%s%s", (int)(at - row->text), row->text, detail, at + strlen(slot));
}

void
error_of_document(GError *err)
{
    if (err->domain == VMD_ERROR)
        vmd_error_get_private(err)->of_document = TRUE;
}

int
error_origin(const GError *err)
{
    int from = row_of(err)->from;

    if (from != ORIGIN_DRIVER || err->domain != VMD_ERROR)
        return from;
    return vmd_error_get_private(err)->of_document ? ORIGIN_DOCUMENT : ORIGIN_DRIVER;
}

void
error_to_wire(const GError *err, WireError *ret_wire)
{
    const ErrRow *row = row_of(err);
    gboolean ours = err->domain == VMD_ERROR;

    *ret_wire = (WireError){
        .code = row->code,
        .from = MAX(row->from, 0),
        .saved_errno = ours ? vmd_error_get_private(err)->saved_errno : -1,
        .format = row->text,
        .message = sentence(row, err->message),
        .detail = g_strdup(err->message),
    };
}

void
wire_error_done(WireError *wire)
{
    if (!wire)
        return;
    g_clear_pointer(&wire->message, g_free);
    g_clear_pointer(&wire->detail, g_free);
}

/* The inverse of sentence(); NULL for a message in other words (a translation). */
static char *
detail_of(const ErrRow *row, const char *message)
{
    g_autofree char *plain = sentence_plain(row);
    const char *at = strstr(row->text, slot);
    gsize head = at - row->text, tail = strlen(at + strlen(slot)), len = strlen(message);

    if (strcmp(message, plain) == 0)
        return g_strdup("");
    if (len < head + tail || strncmp(message, row->text, head) != 0 ||
        strcmp(message + len - tail, at + strlen(slot)) != 0)
        return NULL;
    return g_strndup(message + head, len - head - tail);
}

void
error_from_wire(GError **err, int code, const char *message)
{
    const char *text = message ? message : "";
    int first = N_ERRS;

    for (int e = 0; e < N_ERRS; e++) {
        g_autofree char *detail = NULL;

        if (rows[e].code != code)
            continue;
        first = MIN(first, e);
        if ((detail = detail_of(&rows[e], text))) {
            fail(err, e, "%s", detail);
            return;
        }
    }
    /* ERR_RPC puts no words of its own around a message whose kind we do not know. */
    if (first == N_ERRS)
        fail(err, ERR_RPC, "%s", message ? message : "unknown error");
    else
        fail(err, first, "%s", text);
}
