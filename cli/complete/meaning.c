// SPDX-License-Identifier: MIT
#include "meaning.h"

#include <string.h>

#include "asker.h"
#include "certname.h"
#include "check.h"
#include "hosts.h"
#include "moduleconfig.h"
#include "name.h"
#include "rule.h"
#include "target.h"

/* A token that the line allows, and what it shows of its objects. */
typedef struct Shown {
    const P11dHostToken *token;
    const GPtrArray *items; /* empty unless asked for */
    bool has_twin;          /* another token has the same label */
} Shown;

static void add_algorithms(P11dAnswer *answer)
{
    g_auto(GStrv) names = p11d_algorithm_names();
    for (char **name = names; *name; name++)
        p11d_answer_add(answer, *name, NULL);
}

static void add_modules(P11dAnswer *answer)
{
    g_auto(GStrv) names = p11d_moduleconfig_names();
    for (char **name = names; *name; name++)
        p11d_answer_add(answer, *name, "configured in p11-kit");
}

static void add_checks(P11dAnswer *answer)
{
    for (size_t i = 0; i < p11d_check_count; i++)
        p11d_answer_add(answer, p11d_checks[i].id, p11d_checks[i].harm);
}

static void add_rules(P11dAnswer *answer)
{
    for (size_t i = 0; i < p11d_rule_count; i++)
        p11d_answer_add(answer, p11d_rules[i].id, p11d_rules[i].harm);
}

static void add_token(P11dAnswer *answer, const Shown *shown)
{
    g_autofree char *label = p11d_host_label(shown->token);
    p11d_answer_add(answer, label, "token");
}

static const char *class_of(const P11dItem *item, char scratch[P11D_NAME_SIZE])
{
    return p11d_name_of(&p11d_names_class, item->class, scratch);
}

static void add_labels(P11dAnswer *answer, const Shown *shown)
{
    char scratch[P11D_NAME_SIZE];
    for (guint i = 0; i < shown->items->len; i++) {
        g_autofree char *label = p11d_item_label(shown->items->pdata[i]);
        p11d_answer_add(answer, label, class_of(shown->items->pdata[i], scratch));
    }
}

static void add_ids(P11dAnswer *answer, const Shown *shown)
{
    for (guint i = 0; i < shown->items->len; i++) {
        g_autofree char *id = p11d_item_id(shown->items->pdata[i]);
        g_autofree char *label = p11d_item_label(shown->items->pdata[i]);
        p11d_answer_add(answer, id, label);
    }
}

static void add_objects(P11dAnswer *answer, const Shown *shown)
{
    char scratch[P11D_NAME_SIZE];
    g_autofree char *label = p11d_host_label(shown->token);
    g_autoptr(P11dTarget) token = p11d_target_new(NULL, &(P11dOptions){.token = label}, NULL);
    if (token)
        p11d_answer_add(answer, token->text, "token");
    for (guint i = 0; i < shown->items->len; i++) {
        const P11dItem *item = shown->items->pdata[i];
        g_autofree char *uri = p11d_item_short_uri(item, shown->has_twin, false);
        p11d_answer_add(answer, uri, class_of(item, scratch));
    }
}

/* Keys by URIs without a class: a private key may not be seen before login, but its public key is,
 * and both are named by the same URI. Where a label names two, the id is in it too. */
static void add_keys(P11dAnswer *answer, const Shown *shown)
{
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (int pass = 0; pass < 2; pass++)
        for (guint i = 0; i < shown->items->len; i++) {
            const P11dItem *item = shown->items->pdata[i];
            if (item->class != CKO_PRIVATE_KEY && item->class != CKO_PUBLIC_KEY)
                continue;
            g_autofree char *uri = p11d_item_key_uri(item, shown->has_twin, false);
            g_autofree char *id = p11d_item_id(item);
            const char *other = g_hash_table_lookup(ids, uri);
            if (pass == 0) {
                bool twice = other && strcmp(other, id) != 0;
                g_hash_table_insert(ids, g_strdup(uri), g_strdup(twice ? "twice" : id));
                continue;
            }
            g_autofree char *exact =
                p11d_item_key_uri(item, shown->has_twin, strcmp(other, id) != 0);
            char scratch[P11D_NAME_SIZE];
            P11dAlgorithmKey kind = p11d_item_describe(item);
            p11d_answer_add(answer, exact,
                            kind.curve ? kind.curve
                                       : p11d_name_of(&p11d_names_key_type, kind.type, scratch));
        }
}

static void add_fingerprints(P11dAnswer *answer, const Shown *shown)
{
    for (guint i = 0; i < shown->items->len; i++) {
        const P11dItem *item = shown->items->pdata[i];
        if (item->class != CKO_CERTIFICATE)
            continue;
        g_autofree char *fingerprint = p11d_certname_fingerprint(item);
        g_autofree char *label = p11d_item_label(item);
        p11d_answer_add(answer, fingerprint, label);
    }
}

typedef struct Meaning {
    const char *name;
    const char *files;               /* NULL: none */
    void (*add)(P11dAnswer *answer); /* NULL: nothing that is known without tokens */
    void (*add_shown)(P11dAnswer *answer, const Shown *shown); /* NULL: tokens are not asked */
    bool needs_objects;
} Meaning;

static const Meaning meanings[] = {
    {"FILE", "file", NULL, NULL, false},
    {"OUT", "file", NULL, NULL, false},
    {"SIGNATURE", "file", NULL, NULL, false},
    {"DIR", "directory", NULL, NULL, false},
    {"LIBRARY", "file", add_modules, NULL, false},
    {"ALGORITHM", NULL, add_algorithms, NULL, false},
    {"GLOB", NULL, add_checks, NULL, false},
    {"FINDING", NULL, add_rules, NULL, false},
    {"TOKEN", NULL, NULL, add_token, false},
    {"LABEL", NULL, NULL, add_labels, true},
    {"HEX", NULL, NULL, add_ids, true},
    {"URI", NULL, NULL, add_keys, true},
    {"OBJECT", NULL, NULL, add_objects, true},
    {"sha256:HEX", NULL, NULL, add_fingerprints, true},
};

static const Meaning *find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(meanings); i++)
        if (strcmp(meanings[i].name, name) == 0)
            return &meanings[i];
    return NULL;
}

const char *p11d_meaning_files(const char *meaning)
{
    const char *files = "none";
    g_auto(GStrv) parts = g_strsplit(meaning ? meaning : "", "|", -1);
    for (char **part = parts; *part; part++) {
        const Meaning *known = find(*part);
        if (known && known->files)
            files = known->files;
    }
    return files;
}

static bool has_twin(const GPtrArray *tokens, const P11dHostToken *token)
{
    for (guint i = 0; i < tokens->len; i++) {
        const P11dHostToken *other = tokens->pdata[i];
        if (other != token && p11d_host_is_namesake(other, token))
            return true;
    }
    return false;
}

/* What is asked of tokens. */
typedef struct Question {
    const Meaning *meaning;
    const P11dOptions *options;
    P11dAnswer *answer;
} Question;

/* Runs in an asker, so that answer->stream is set for that process only. */
static void ask_tokens(gconstpointer data, FILE *out)
{
    const Question *question = data;
    const Meaning *meaning = question->meaning;
    g_autoptr(P11dTarget) target = p11d_target_new(question->options->key, question->options, NULL);
    g_autoptr(P11dHosts) hosts = target ? p11d_hosts_open(question->options, NULL) : NULL;
    if (!hosts)
        return;
    question->answer->stream = out;
    g_autoptr(P11dTarget) all = p11d_target_new(NULL, &(P11dOptions){0}, NULL);
    g_autoptr(GPtrArray) shown = p11d_hosts_tokens(hosts, all);
    g_autoptr(GPtrArray) tokens = p11d_hosts_tokens(hosts, target);
    for (guint i = 0; i < tokens->len; i++) {
        P11dHostToken *token = tokens->pdata[i];
        g_autoptr(GPtrArray) items = p11d_item_array();
        if (meaning->needs_objects)
            p11d_target_search(target, token, CK_UNAVAILABLE_INFORMATION, items, NULL);
        meaning->add_shown(question->answer, &(Shown){token, items, has_twin(shown, token)});
        fflush(out); /* the next token may be too slow */
    }
}

void p11d_meaning_complete(const char *meaning, const P11dOptions *options, P11dAnswer *answer)
{
    g_auto(GStrv) parts = g_strsplit(meaning ? meaning : "", "|", -1);
    for (char **part = parts; *part; part++) {
        const Meaning *known = find(*part);
        if (known && known->add)
            known->add(answer);
        if (known && known->add_shown)
            p11d_asker_run(ask_tokens, &(Question){known, options, answer}, answer->stream);
        if (!known && g_ascii_islower(**part))
            p11d_answer_add(answer, *part, NULL);
    }
}
