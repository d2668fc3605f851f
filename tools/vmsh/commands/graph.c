/* graph: what a domain is made of, as a tree: controllers, disks with the images below them, cards
 * with what they hang on. */
#include <libxml/tree.h>
#include <string.h>

#include "vmsh/vmsh.h"

/* One line, and those below it. */
typedef struct Branch {
    char *text;
    GPtrArray *below; /* of Branch */
} Branch;

static void
branch_free(gpointer data)
{
    Branch *b = data;

    g_free(b->text);
    g_ptr_array_unref(b->below);
    g_free(b);
}

/* Takes text. */
static Branch *
branch_new(Branch *parent, char *text)
{
    Branch *b = g_new0(Branch, 1);

    b->text = text;
    b->below = g_ptr_array_new_with_free_func(branch_free);
    if (parent)
        g_ptr_array_add(parent->below, b);
    return b;
}

/* ---- what is read from the document */

/* "a, b, c" of the values that are there. */
static char *
joined(Doc *doc, Node *node, const char *const *paths)
{
    GString *all = g_string_new(NULL);

    for (; *paths; paths++) {
        g_autofree char *text = doc_text(doc, node, *paths);
        if (text && *text)
            g_string_append_printf(all, "%s%s", all->len ? ", " : "", text);
    }
    return g_string_free(all, FALSE);
}

/* "disk vda: virtio, qcow2, /a.img" */
static Branch *
add_node(Branch *parent, Doc *doc, Node *node, const char *kind, const char *name_path,
         const char *const *paths)
{
    g_autofree char *name = name_path ? doc_text(doc, node, name_path) : NULL;
    g_autofree char *facts = joined(doc, node, paths);

    return branch_new(parent, g_strconcat(kind, name ? " " : "", name ? name : "",
                                          *facts ? ": " : "", facts, NULL));
}

static void
add_images(Branch *disk, Doc *doc, Node *node)
{
    static const char *const paths[] = { "./format/@type",
                                         "./source/@file|./source/@dev|"
                                         "./source/@name|./source/@volume",
                                         NULL };
    g_autoptr(GPtrArray) below = doc_nodes(doc, node, "./backingStore[source]");

    if (below->len)
        add_images(add_node(disk, doc, below->pdata[0], "on", NULL, paths), doc, below->pdata[0]);
}

static void
add_disks(Branch *root, Doc *doc)
{
    static const char *const paths[] = {
        "./@device[. != 'disk']", "./target/@bus", "./driver/@type",
        "./source/@file|./source/@dev|./source/@name|./source/@volume", NULL
    };
    g_autoptr(GPtrArray) disks = doc_nodes(doc, NULL, "/domain/devices/disk");

    for (guint i = 0; i < disks->len; i++)
        add_images(add_node(root, doc, disks->pdata[i], "disk", "./target/@dev", paths), doc,
                   disks->pdata[i]);
}

/* The addresses that the daemon knows of a card, by its MAC. */
static void
add_addresses(Branch *card, const DomainInterfaceAddressesRet *known, const char *mac)
{
    for (guint i = 0; mac && i < known->ifaces.n; i++) {
        const DomainInterface *iface = &known->ifaces.v[i];

        if (!iface->hwaddr || g_ascii_strcasecmp(iface->hwaddr, mac) != 0)
            continue;
        for (guint k = 0; k < iface->addrs.n; k++)
            branch_new(card,
                       g_strdup_printf("%s/%u", iface->addrs.v[k].addr, iface->addrs.v[k].prefix));
    }
}

static void
add_cards(Shell *s, Branch *root, Doc *doc, const DomainRef *dom)
{
    static const char *const paths[] = { "./model/@type",    "./@type",       "./source/@network",
                                         "./source/@bridge", "./target/@dev", NULL };
    DomainInterfaceAddressesArgs args = { .dom = *dom };
    DomainInterfaceAddressesRet known = { 0 };
    g_autoptr(GPtrArray) cards = doc_nodes(doc, NULL, "/domain/devices/interface");

    if (dom->id != -1 && !call(s, PROC_DOMAIN_INTERFACE_ADDRESSES, &args, &known, NULL))
        known.ifaces.n = 0;
    for (guint i = 0; i < cards->len; i++) {
        g_autofree char *mac = doc_text(doc, cards->pdata[i], "./mac/@address");
        add_addresses(add_node(root, doc, cards->pdata[i], "interface", "./mac/@address", paths),
                      &known, mac);
    }
}

/* The branch of the PCI controller whose bus a controller is on; other: there is none before it. */
static Branch *
branch_of_bus(Doc *doc, Node *node, const GPtrArray *pci, const GPtrArray *branches, Branch *other)
{
    g_autofree char *bus = doc_text(doc, node, "./address[@type='pci']/@bus");

    for (guint i = 0; bus && i < branches->len; i++) {
        g_autofree char *index = doc_text(doc, pci->pdata[i], "./@index");
        if (index && g_ascii_strtoull(index, NULL, 10) == g_ascii_strtoull(bus, NULL, 0))
            return branches->pdata[i];
    }
    return other;
}

/* Each below the one that it sits on. */
static void
add_controllers(Branch *root, Doc *doc)
{
    static const char *const paths[] = { "./@model", NULL };
    g_autoptr(GPtrArray) pci = doc_nodes(doc, NULL, "/domain/devices/controller[@type='pci']");
    g_autoptr(GPtrArray)
        others = doc_nodes(doc, NULL, "/domain/devices/controller[not(@type='pci')]");
    g_autoptr(GPtrArray) branches = g_ptr_array_new();

    for (guint i = 0; i < pci->len; i++) {
        Branch *on = branch_of_bus(doc, pci->pdata[i], pci, branches, root);
        g_ptr_array_add(branches,
                        add_node(on, doc, pci->pdata[i], "controller pci", "./@index", paths));
    }
    for (guint i = 0; i < others->len; i++) {
        g_autofree char *type = doc_text(doc, others->pdata[i], "./@type");
        g_autofree char *kind = g_strconcat("controller ", type, NULL);
        add_node(branch_of_bus(doc, others->pdata[i], pci, branches, root), doc, others->pdata[i],
                 kind, "./@index", paths);
    }
}

/* ---- what is shown */

static void
put_branches(Shell *s, const Branch *b, const char *indent)
{
    for (guint i = 0; i < b->below->len; i++) {
        const Branch *child = b->below->pdata[i];
        gboolean last = i + 1 == b->below->len;
        g_autofree char *deeper = g_strconcat(indent, last ? "   " : "│  ", NULL);

        put(s, "%s%s %s\n", indent, last ? "└─" : "├─", child->text);
        put_branches(s, child, deeper);
    }
}

static json_object *
branch_json(const Branch *b)
{
    json_object *o = json_object_new_object(), *below = json_object_new_array();

    for (guint i = 0; i < b->below->len; i++)
        json_object_array_add(below, branch_json(b->below->pdata[i]));
    json_object_object_add(o, "text", json_object_new_string(b->text));
    json_object_object_add(o, "below", below);
    return o;
}

static const Option options[] = { DOMAIN_OPTION(complete_domains), OPTION_END };

static gboolean
run(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Doc) doc = NULL;
    DomainRef dom;
    const char *xml;
    Branch *root;
    int state;

    if (!domain_get(s, a, &dom, err) || !domain_xml(s, &dom, 0, &xml, err) ||
        !(doc = doc_parse(xml, err)) || !domain_state(s, &dom, &state, NULL, err))
        return FALSE;
    root = branch_new(NULL, g_strdup_printf("%s (%s)", dom.name, domain_state_text(state)));
    add_controllers(root, doc);
    add_disks(root, doc);
    add_cards(s, root, doc, &dom);
    if (s->json) {
        print_json(s, branch_json(root));
    } else {
        put(s, "%s\n", root->text);
        put_branches(s, root, "");
    }
    branch_free(root);
    return TRUE;
}

const Command graph_commands[] = {
    { "graph", "what a domain is made of, as a tree",
      "Controllers, disks with the images below them, and cards with what they hang on.", options,
      run, COMMAND_JSON },
    { 0 },
};
