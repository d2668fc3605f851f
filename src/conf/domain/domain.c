/* A domain from XML and back: the rows read it, defaults are filled in, rules check it. */
#include <string.h>

#include "check/check.h"
#include "conf/lists.h"

static const EmulatorCaps *
find_caps(const DomainDef *def, const ConfContext *context, GError **err)
{
    return context->lookup(def->devices.emulator, def->os.arch, def->virt_type, context->user, err);
}

gboolean
domain_complete(DomainDef *def, const ConfContext *context, GError **err)
{
    const EmulatorCaps *caps = find_caps(def, context, err);

    return caps && domain_fill(def, caps, context, err);
}

/* The emulator is looked up once for both, because a second look-up may find it out of date. */
gboolean
domain_settle(DomainDef *def, const ConfContext *context, GError **err)
{
    const EmulatorCaps *caps;

    return domain_check_written(def, err) && (caps = find_caps(def, context, err)) &&
           domain_fill(def, caps, context, err) && domain_check(def, caps, err);
}

/* In a client's document consoles are numbered by their order, whatever ports it gives them. */
static void
forget_console_ports(const DomainDef *def)
{
    EACH (CharDef, console, def->devices.consoles)
        console->has_port = FALSE;
}

DomainDef *
domain_parse(const char *xml, gssize len, guint flags, const ConfContext *context, GError **err)
{
    return domain_parse_noting(xml, len, flags, context, NULL, err);
}

/* Adds the unknown names to the error: something that is missing may be there under a wrong name.
 */
static void
add_unknown(const GPtrArray *unknown, guint from, GError **err)
{
    if (!unknown || unknown->len <= from || !err || !*err || error_is(*err, ERR_AWAITED))
        return;
    g_autofree char *text = g_strdup_printf("%s; %s", (*err)->message,
                                            (const char *)unknown->pdata[from]);
    g_free((*err)->message);
    (*err)->message = g_steal_pointer(&text);
}

DomainDef *
domain_parse_noting(const char *xml, gssize len, guint flags, const ConfContext *context,
                    GPtrArray *unknown, GError **err)
{
    g_autoptr(DomainDef) def = NULL;
    guint xml_flags = (flags & DEF_LIVE ? XML_LIVE : 0) |
                      (flags & DEF_VALIDATE ? XML_VALIDATE : 0) |
                      (flags & DEF_SAVED ? XML_SAVED : 0);
    guint before = unknown ? unknown->len : 0;

    def = xml_parse_noting(&domain_schema, domain_namespaces, xml, len, xml_flags, unknown, err);
    if (!def || flags & DEF_BARE)
        return g_steal_pointer(&def);
    forget_console_ports(def);
    if (!domain_settle(def, context, err)) {
        add_unknown(unknown, before, err);
        return NULL;
    }
    return g_steal_pointer(&def);
}

/* The consoles as they are written: the one that is a serial port sits where that sits. Borrows all
 * it shows. */
static GPtrArray *
consoles_shown(const Devices *devices, CharDef *twin)
{
    GPtrArray *shown = g_ptr_array_new();

    g_ptr_array_extend(shown, devices->consoles, NULL, NULL);
    *twin = *(const CharDef *)shown->pdata[0];
    if (devices->serials && twin->target_type == CONSOLE_SERIAL)
        twin->info = ((const CharDef *)devices->serials->pdata[0])->info;
    shown->pdata[0] = twin;
    return shown;
}

char *
domain_format(const DomainDef *def, guint flags)
{
    gboolean secret;

    return domain_format_noting(def, flags, &secret);
}

char *
domain_format_noting(const DomainDef *def, guint flags, gboolean *ret_secret)
{
    guint xml_flags = (flags & DEF_LIVE ? XML_LIVE : 0) | (flags & DEF_SAVED ? XML_SAVED : 0) |
                      (flags & (DEF_SECURE | DEF_MIGRATABLE) ? XML_SECURE : 0);
    g_autoptr(DomainDef) migratable = flags & DEF_MIGRATABLE ? domain_migratable(def) : NULL;
    g_autoptr(GPtrArray) consoles = NULL;
    DomainDef shown = migratable ? *migratable : *def;
    CharDef twin;

    if (def->devices.consoles)
        shown.devices.consoles = consoles = consoles_shown(&def->devices, &twin);
    return xml_format_noting(&domain_schema, domain_namespaces, &shown, xml_flags, ret_secret);
}

DomainDef *
domain_copy(const DomainDef *def)
{
    return schema_copy(&domain_schema, def);
}

gboolean
domain_equal(const DomainDef *a, const DomainDef *b)
{
    return schema_equal(&domain_schema, a, b);
}

void
domain_free(DomainDef *def)
{
    schema_free(&domain_schema, def);
}
