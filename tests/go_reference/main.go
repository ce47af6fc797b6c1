// Runs Go's own text/template on templates and data given as JSON lines, for comparison with our engine.
//
// In:  {"template": "{{ .S }}", "data": {"S": "hi"}, "today": "2026-08-21"}
// Out: {"output": "aGk="} (base64, because an output need not be text) or {"stage": "parse" or "run", "error": "..."}
//
// Missing keys give the zero value, and the functions that chat templates have besides the built-in ones are there.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/template"
	"time"
)

const outputLimit = 1 << 20

type request struct {
	Template string `json:"template"`
	Data     any    `json:"data"`
	Today    string `json:"today"`
}

type answer struct {
	Output []byte `json:"output"`
	Stage  string `json:"stage,omitempty"`
	Error  string `json:"error,omitempty"`
}

// limitedBuffer refuses to grow past outputLimit.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > outputLimit {
		return 0, errors.New("output is too long")
	}
	return b.Buffer.Write(p)
}

func functions(today time.Time) template.FuncMap {
	return template.FuncMap{
		"json": func(v any) string {
			encoded, _ := json.Marshal(v)
			return string(encoded)
		},
		"currentDate":      func(...any) string { return today.Format(time.DateOnly) },
		"yesterdayDate":    func(...any) string { return today.AddDate(0, 0, -1).Format(time.DateOnly) },
		"toTypeScriptType": func(any) string { return "any" },
	}
}

// plain turns decoded JSON into the types a template sees: integers are ints, lists have no room to grow.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			if i, err := v.Int64(); err == nil {
				return int(i)
			}
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return slices.Clip(v)
	case map[string]any:
		for key := range v {
			v[key] = plain(v[key])
		}
	}
	return v
}

func run(r request) (result answer) {
	defer func() {
		if panicked := recover(); panicked != nil {
			result = answer{Stage: "run", Error: fmt.Sprint(panicked)}
		}
	}()
	today, err := time.Parse(time.DateOnly, r.Today)
	if err != nil {
		return answer{Stage: "request", Error: err.Error()}
	}
	parsed, err := template.New("").Option("missingkey=zero").Funcs(functions(today)).Parse(r.Template)
	if err != nil {
		return answer{Stage: "parse", Error: err.Error()}
	}
	var output limitedBuffer
	if err := parsed.Execute(&output, plain(r.Data)); err != nil {
		return answer{Stage: "run", Error: err.Error()}
	}
	return answer{Output: output.Bytes()}
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var r request
			decoder := json.NewDecoder(bytes.NewReader(line))
			decoder.UseNumber()
			if err := decoder.Decode(&r); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			out.Encode(run(r))
		}
		if err != nil {
			return
		}
	}
}
