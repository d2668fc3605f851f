/* What users write about a domain, and the documents they read of it. */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "qemu_priv.h"

/* ---- dumpxml */

char *
vm_xml(Vm *vm, guint flags, GError **err)
{
    enum { SECURE = 1, INACTIVE = 2, MIGRATABLE = 8 };
    gboolean live = vm->run && !(flags & INACTIVE);
    guint how = 0;

    if (flags & SECURE)
        how |= DEF_SECURE;
    if (flags & MIGRATABLE)
        how |= DEF_MIGRATABLE;
    if (live)
        return domain_format(vm->run->live, how | DEF_LIVE);
    return domain_format(vm->persistent ? define_get(vm) : vm->run->live, how);
}

gboolean
vm_is_updated(const Vm *vm)
{
    return vm->run && vm->run->outdated;
}

/* ---- which definition is meant */

gboolean
vm_resolve_impact(const Vm *vm, guint *impact, GError **err)
{
    if (!(*impact & (IMPACT_LIVE | IMPACT_CONFIG)))
        *impact |= vm->run ? IMPACT_LIVE : IMPACT_CONFIG;
    if (*impact & IMPACT_LIVE && !vm->run)
        return fail(err, ERR_NOT_RUNNING, "domain is not running");
    if (*impact & IMPACT_CONFIG && !vm->persistent)
        return fail(err, ERR_OPERATION_INVALID,
                    "transient domains do not have any persistent config");
    return TRUE;
}

/* ---- the element of a namespace within <metadata> */

typedef xmlDoc XmlDoc;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(XmlDoc, xmlFreeDoc)

enum { DESCRIPTION, TITLE, ELEMENT };

static XmlDoc *
parse_metadata(const char *text)
{
    const char *xml = text ? text : "<metadata/>";

    return xmlReadMemory(xml, (int)strlen(xml), NULL, NULL,
                         XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

static xmlNode *
find_element(XmlDoc *doc, const char *uri)
{
    xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;

    for (xmlNode *n = root ? root->children : NULL; n; n = n->next)
        if (n->type == XML_ELEMENT_NODE && n->ns && uri &&
            strcmp((const char *)n->ns->href, uri) == 0)
            return n;
    return NULL;
}

static void
drop_declarations(xmlNode *n, const char *uri)
{
    for (xmlNs **at = &n->nsDef; *at;) {
        xmlNs *ns = *at;

        if (xmlStrEqual(ns->href, (const xmlChar *)uri)) {
            *at = ns->next;
            xmlFreeNs(ns);
        } else {
            at = &ns->next;
        }
    }
}

/* The declarations go last: until then elements and attributes point to them. */
static void
strip_namespace(xmlNode *n, const char *uri)
{
    if (n->ns && xmlStrEqual(n->ns->href, (const xmlChar *)uri))
        xmlSetNs(n, NULL);
    for (xmlAttr *a = n->properties; a; a = a->next)
        if (a->ns && xmlStrEqual(a->ns->href, (const xmlChar *)uri))
            a->ns = NULL;
    for (xmlNode *child = n->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE)
            strip_namespace(child, uri);
    drop_declarations(n, uri);
}

static char *
dump_node(XmlDoc *doc, xmlNode *n)
{
    xmlBuffer *buffer = xmlBufferCreate();
    char *text;

    xmlNodeDump(buffer, doc, n, 0, 1);
    text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    return text;
}

static char *
get_element(const DomainDef *def, const char *uri)
{
    g_autoptr(XmlDoc) doc = parse_metadata(def->metadata);
    xmlNode *n = find_element(doc, uri);

    if (!n)
        return NULL;
    strip_namespace(n, uri);
    return dump_node(doc, n);
}

char *
vm_metadata(Vm *vm, int type, const char *uri, guint impact, GError **err)
{
    static const char *const names[] = { "description", "title", "metadata" };
    const DomainDef *def;
    char *text;

    if (type < DESCRIPTION || type > ELEMENT) {
        fail(err, ERR_INVALID_ARG, "unknown metadata type %d", type);
        return NULL;
    }
    if (!vm_resolve_impact(vm, &impact, err))
        return NULL;
    def = impact & IMPACT_LIVE ? vm->run->live : define_get(vm);
    if (type == ELEMENT)
        text = get_element(def, uri);
    else
        text = g_strdup(type == TITLE ? def->title : def->description);
    if (!text)
        fail(err, ERR_NO_METADATA,
             "Requested metadata element is not present: no %s in domain '%s'", names[type],
             vm->obj.name);
    return text;
}

static void
put_in_namespace(xmlNode *n, xmlNs *ns)
{
    if (!n->ns)
        xmlSetNs(n, ns);
    for (xmlNode *child = n->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE)
            put_in_namespace(child, ns);
}

static gboolean
add_element(XmlDoc *doc, const char *value, const char *key, const char *uri, GError **err)
{
    g_autoptr(XmlDoc) given = xmlReadMemory(value, (int)strlen(value), NULL, NULL,
                                            XML_PARSE_NONET | XML_PARSE_NOERROR |
                                                XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS);
    xmlNode *root = xmlDocGetRootElement(doc), *copy;
    xmlNs *ns;

    if (!given)
        return fail(err, ERR_XML_DETAIL, "metadata is not well-formed XML");
    copy = xmlDocCopyNode(xmlDocGetRootElement(given), doc, 1);
    ns = xmlNewNs(copy, (const xmlChar *)uri, (const xmlChar *)key);
    if (!ns) {
        xmlFreeNode(copy);
        return fail(err, ERR_INVALID_ARG, "namespace prefix '%s' is used in the metadata itself",
                    key);
    }
    put_in_namespace(copy, ns);
    xmlAddChild(root, copy);
    return TRUE;
}

static gboolean
set_element(DomainDef *def, const char *value, const char *key, const char *uri, GError **err)
{
    g_autoptr(XmlDoc) doc = parse_metadata(def->metadata);
    xmlNode *old, *root;

    if (!doc)
        return fail(err, ERR_INTERNAL, "the domain's metadata cannot be read");
    root = xmlDocGetRootElement(doc);
    if ((old = find_element(doc, uri))) {
        xmlUnlinkNode(old);
        xmlFreeNode(old);
    }
    if (value && !add_element(doc, value, key, uri, err))
        return FALSE;
    g_free(def->metadata);
    def->metadata = xmlChildElementCount(root) > 0 ? dump_node(doc, root) : NULL;
    return TRUE;
}

static gboolean
set_in(DomainDef *def, int type, const char *value, const char *key, const char *uri, GError **err)
{
    char **text = type == TITLE ? &def->title : &def->description;

    if (type == ELEMENT)
        return set_element(def, value, key, uri, err);
    g_free(*text);
    *text = value && value[0] ? g_strdup(value) : NULL;
    return TRUE;
}

static gboolean
metadata_check(int type, const char *value, const char *key, const char *uri, GError **err)
{
    if (type < DESCRIPTION || type > ELEMENT)
        return fail(err, ERR_INVALID_ARG, "unknown metadata type %d", type);
    if (type == TITLE && value && strchr(value, '\n'))
        return fail(err, ERR_INVALID_ARG, "metadata title can't contain newlines");
    if (type == ELEMENT && (!uri || (value && !key)))
        return fail(err, ERR_INVALID_ARG, "a metadata element needs a namespace URI and a prefix");
    return TRUE;
}

/* What is not on disk is not in memory either. */
static gboolean
set_live(Vm *vm, int type, const char *value, const char *key, const char *uri, GError **err)
{
    DomainDef *live = vm->run->live;
    char **const texts[] = { &live->description, &live->title, &live->metadata };
    g_autofree char *before = g_strdup(*texts[type]);

    if (set_in(live, type, value, key, uri, err) && live_save(vm, err))
        return TRUE;
    g_free(*texts[type]);
    *texts[type] = g_steal_pointer(&before);
    return FALSE;
}

static gboolean
set_config(Vm *vm, int type, const char *value, const char *key, const char *uri, GError **err)
{
    g_autoptr(DomainDef) def = domain_copy(define_get(vm));

    return set_in(def, type, value, key, uri, err) && define_change(vm, g_steal_pointer(&def), err);
}

gboolean
vm_set_metadata(Vm *vm, int type, const char *value, const char *key, const char *uri, guint impact,
                GError **err)
{
    Event e = vm_event(vm, DOMAIN_EVENT_METADATA_CHANGE);

    if (!metadata_check(type, value, key, uri, err) || !vm_resolve_impact(vm, &impact, err))
        return FALSE;
    if (impact & IMPACT_LIVE && !set_live(vm, type, value, key, uri, err))
        return FALSE;
    if (impact & IMPACT_CONFIG && !set_config(vm, type, value, key, uri, err))
        return FALSE;
    e.n[0] = type;
    e.s[0] = uri;
    event_emit(&e);
    return TRUE;
}

/* ---- messages */

enum { MESSAGE_DEPRECATION = 1, MESSAGE_TAINTING = 2 };

/* What the emulator says of its own machine and processors; it is known, as it runs. */
static const EmulatorCaps *
caps_of(const DomainDef *live)
{
    const ConfContext *c = emulator_context();

    return c->lookup(live->devices.emulator, live->os.arch, live->virt_type, c->user, NULL);
}

static gboolean
machine_is_old(const DomainDef *live)
{
    const EmulatorCaps *caps = caps_of(live);
    const MachineCaps *m = caps && live->os.machine ? caps_machine(caps, live->os.machine) : NULL;

    return m && m->deprecated;
}

static gboolean
model_is_old(const DomainDef *live)
{
    const EmulatorCaps *caps = caps_of(live);
    const char *name = live->cpu ? live->cpu->model : NULL;

    for (guint i = 0; name && caps && caps->cpu_models && i < caps->cpu_models->len; i++) {
        const CpuModelCaps *m = caps->cpu_models->pdata[i];
        if (strcmp(m->name, name) == 0)
            return m->deprecated;
    }
    return FALSE;
}

static gboolean
is_old(const Vm *vm)
{
    return machine_is_old(vm->run->live) || model_is_old(vm->run->live);
}

static gboolean
has_custom_words(const Vm *vm)
{
    const QemuNamespace *q = vm->run->live->qemu;

    return q && (q->args || q->envs || q->overrides);
}

static gboolean
was_commanded(const Vm *vm)
{
    return vm->run->taint != 0;
}

static gboolean
passes_cpu_through(const Vm *vm)
{
    const CpuDef *cpu = vm->run->live->cpu;

    return cpu && cpu->mode == CPU_HOST_PASSTHROUGH;
}

static const struct {
    gboolean (*holds)(const Vm *vm);
    const char *text;
} taints[] = {
    { has_custom_words, "custom configuration parameters specified" },
    { was_commanded, "custom monitor control commands issued" },
    { passes_cpu_through, "use of host cpu passthrough" },
    { is_old, "use of deprecated configuration settings" },
};

static void
add_deprecations(GPtrArray *list, const DomainDef *live)
{
    if (machine_is_old(live))
        g_ptr_array_add(
            list, g_strdup_printf("deprecated configuration: machine type '%s'", live->os.machine));
    if (model_is_old(live))
        g_ptr_array_add(
            list, g_strdup_printf("deprecated configuration: CPU model '%s'", live->cpu->model));
}

char **
vm_messages(Vm *vm, guint types)
{
    GPtrArray *list = g_ptr_array_new();

    if (types == 0)
        types = MESSAGE_DEPRECATION | MESSAGE_TAINTING;
    for (gsize i = 0; vm->run && types & MESSAGE_TAINTING && i < G_N_ELEMENTS(taints); i++)
        if (taints[i].holds(vm))
            g_ptr_array_add(list, g_strdup_printf("tainted: %s", taints[i].text));
    if (vm->run && types & MESSAGE_DEPRECATION)
        add_deprecations(list, vm->run->live);
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}
