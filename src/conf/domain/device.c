/* Functions on devices of any kind: all of them are answered by the rows of <devices>. */
#include "device.h"

#include <string.h>

DeviceInfo *
device_info(const Schema *s, gpointer device)
{
    for (const Field *f = s->fields; f->kind != F_END; f++)
        if (f->arg == &device_info_schema)
            return G_STRUCT_MEMBER_P(device, f->offset);
    return NULL;
}

static gboolean
visit_device(const Schema *s, gpointer device, DeviceVisit visit, gpointer user)
{
    DeviceInfo *info = device_info(s, device);

    return !info || visit(info, s, device, user);
}

gboolean
domain_each_device(DomainDef *def, DeviceVisit visit, gpointer user)
{
    for (const Field *f = devices_schema.fields; f->kind != F_END; f++) {
        gpointer at = G_STRUCT_MEMBER_P(&def->devices, f->offset);

        if (f->kind == F_PTR && *(gpointer *)at &&
            !visit_device(f->arg, *(gpointer *)at, visit, user))
            return FALSE;
        if (f->kind != F_LIST || !*(GPtrArray **)at)
            continue;
        for (guint i = 0; i < (*(GPtrArray **)at)->len; i++)
            if (!visit_device(f->arg, (*(GPtrArray **)at)->pdata[i], visit, user))
                return FALSE;
    }
    return TRUE;
}

/* The schema whose element the document begins with. */
static const Schema *
device_schema(const char *name)
{
    for (const Field *f = devices_schema.fields; f->kind != F_END; f++) {
        const Schema *s = f->arg;

        if ((f->kind == F_LIST || f->kind == F_PTR) && strcmp(s->name, name) == 0)
            return s == &redirfilter_schema ? NULL : s;
    }
    return NULL;
}

gboolean
device_parse(const char *xml, gssize len, guint flags, Device *ret_device, GError **err)
{
    return device_parse_noting(xml, len, flags, NULL, ret_device, err);
}

gboolean
device_parse_noting(const char *xml, gssize len, guint flags, GPtrArray *unknown,
                    Device *ret_device, GError **err)
{
    guint xml_flags = (flags & DEF_LIVE ? XML_LIVE : 0) | (flags & DEF_VALIDATE ? XML_VALIDATE : 0);
    g_autofree char *name = xml_root_name(xml, len, err);
    const Schema *s = name ? device_schema(name) : NULL;
    gpointer def;

    if (!name)
        return FALSE;
    if (!s)
        return fail(err, ERR_CONFIG_UNSUPPORTED, "unknown device type '%s'", name);
    if (!(def = xml_parse_noting(s, NULL, xml, len, xml_flags, unknown, err)))
        return FALSE;
    *ret_device = (Device){ s, def };
    return TRUE;
}

void
device_done(Device *device)
{
    if (device->schema)
        schema_free(device->schema, device->def);
    *device = (Device){ 0 };
}

char *
device_format(const Device *device, guint flags)
{
    guint xml_flags = (flags & DEF_LIVE ? XML_LIVE : 0) | (flags & DEF_SECURE ? XML_SECURE : 0);

    return xml_format(device->schema, NULL, device->def, xml_flags);
}
