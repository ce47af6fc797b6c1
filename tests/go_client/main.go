// Uses a server through Ollama's own client for Go and prints what it saw, one JSON object a line.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/ollama/ollama/api"
)

var ctx = context.Background()

func show(name string, err error, seen map[string]any) {
	if seen == nil {
		seen = map[string]any{}
	}
	seen["call"] = name
	if err != nil {
		seen["error"] = err.Error()
	}
	line, _ := json.Marshal(seen)
	fmt.Println(string(line))
}

func main() {
	client, err := api.ClientFromEnvironment()
	if err != nil {
		panic(err)
	}
	show("heartbeat", client.Heartbeat(ctx), nil)
	version, err := client.Version(ctx)
	show("version", err, map[string]any{"version": version})

	// A model of our own: a blob is uploaded, a model is made of the stored one, shown, and made again from what show said.
	content := []byte("a licence")
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(content))
	show("blob", client.CreateBlob(ctx, digest, bytes.NewReader(content)), nil)
	create := func(name string, request *api.CreateRequest) {
		status := ""
		err := client.Create(ctx, request, func(p api.ProgressResponse) error { status = p.Status; return nil })
		show(name, err, map[string]any{"status": status})
	}
	create("create", &api.CreateRequest{Model: "mine", From: "smollm", System: "Be brief.", Parameters: map[string]any{"num_ctx": 512}})
	shown, err := client.Show(ctx, &api.ShowRequest{Model: "mine"})
	show("show", err, map[string]any{"system": shown.System, "parent": shown.Details.ParentModel, "template": shown.Template != ""})
	base, err := client.Show(ctx, &api.ShowRequest{Model: "smollm"})
	show("show base", err, map[string]any{"parent": base.Details.ParentModel})
	from := "smollm"
	if base.Details.ParentModel != "" { // as the session's /save does
		from = base.Details.ParentModel
	}
	create("save", &api.CreateRequest{Model: "saved", From: from})

	list, err := client.List(ctx)
	names := []string{}
	if err == nil {
		for _, model := range list.Models {
			names = append(names, model.Name)
		}
	}
	show("list", err, map[string]any{"names": names})

	talk(client)
	refusals(client)

	running, err := client.ListRunning(ctx)
	loaded := 0
	if err == nil {
		loaded = len(running.Models)
	}
	show("ps", err, map[string]any{"loaded": loaded})
	show("copy", client.Copy(ctx, &api.CopyRequest{Source: "mine", Destination: "copied"}), nil)
	for _, name := range []string{"mine", "saved", "copied"} {
		show("delete", client.Delete(ctx, &api.DeleteRequest{Model: name}), nil)
	}
}

func talk(client *api.Client) {
	options := map[string]any{"num_predict": 4, "temperature": 0}
	text, last, chunks := "", api.ChatResponse{}, 0
	err := client.Chat(ctx, &api.ChatRequest{
		Model:    "alphabet",
		Messages: []api.Message{{Role: "user", Content: "Name a colour."}},
		Options:  options,
	}, func(r api.ChatResponse) error { text += r.Message.Content; last = r; chunks++; return nil })
	show("chat", err, map[string]any{"text": text != "", "done": last.Done, "reason": last.DoneReason, "eval": last.EvalCount, "chunks": chunks})

	generated := api.GenerateResponse{}
	stream := false
	err = client.Generate(ctx, &api.GenerateRequest{Model: "smollm", Prompt: "hi", Options: options, Stream: &stream},
		func(r api.GenerateResponse) error { generated = r; return nil })
	show("generate", err, map[string]any{"done": generated.Done, "context": len(generated.Context) > 0})

	embedded, err := client.Embed(ctx, &api.EmbedRequest{Model: "smollm", Input: []string{"a", "b"}})
	count := 0
	if err == nil {
		count = len(embedded.Embeddings)
	}
	show("embed", err, map[string]any{"vectors": count})
}

// What a person reads when something is refused: the client puts the status line in front.
func refusals(client *api.Client) {
	ignore := func(api.ChatResponse) error { return nil }
	ask := func(model string, options map[string]any) error {
		return client.Chat(ctx, &api.ChatRequest{Model: model, Messages: []api.Message{{Role: "user", Content: "x"}}, Options: options}, ignore)
	}
	show("unknown model", ask("nope", nil), nil)
	show("wrong option", ask("smollm", map[string]any{"temperature": "hot"}), nil)
	show("bad name", ask("a b", nil), nil)
	_, err := client.Whoami(ctx)
	show("whoami", err, nil)
}
